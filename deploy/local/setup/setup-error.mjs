/** Something on this machine keeps the set-up from going on. `hint` is the command that mends it. */
export class SetupError extends Error {
  code = 'SETUP'

  /** @param {string} message @param {string} hint */
  constructor(message, hint) {
    super(message)
    this.name = 'SetupError'
    this.hint = hint
  }
}
