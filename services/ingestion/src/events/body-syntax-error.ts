/** The body is not JSON, or not the JSON of events: nothing of it can be taken. */
export class BodySyntaxError extends Error {
  readonly position: number
  constructor(what: string, position: number) {
    super(`${what} at byte ${position}`)
    this.name = 'BodySyntaxError'
    this.position = position
  }
}
