/** Bytes taken and not yet done with, over all partitions of a process; whoever takes more waits while there are too many. */
export class InFlightBytes {
  readonly #max: number
  #bytes = 0
  #waiting: (() => void)[] = []

  constructor(max: number) {
    this.#max = max
  }

  get bytes(): number {
    return this.#bytes
  }

  get isFull(): boolean {
    return this.#bytes >= this.#max
  }

  add(bytes: number): void {
    this.#bytes += bytes
  }

  remove(bytes: number): void {
    this.#bytes -= bytes
    if (this.isFull) return
    const waiting = this.#waiting
    this.#waiting = []
    for (const resolve of waiting) resolve()
  }

  /** Resolves when less than the maximum is in flight. The maximum is exceeded by at most one message a partition. */
  async room(): Promise<void> {
    while (this.isFull) await new Promise<void>((resolve) => this.#waiting.push(resolve))
  }
}
