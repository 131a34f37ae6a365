/** One thing wrong with the options of a source. `path` is a JSON pointer from the options: `/sshTunnel/port`. */
export type OptionProblem = { readonly path: string; readonly message: string; readonly hint: string }

/** One secret that a warehouse needs: its value is written once, sealed, and never read back. */
export type SecretField = {
  readonly name: string
  /** As in "Password". */
  readonly label: string
  readonly required: boolean
  readonly bytesMax: number
}

export function problem(path: string, message: string, hint: string): OptionProblem {
  return { path, message, hint }
}

/** A name as a part of a JSON pointer, cut to a length that can be shown. */
export function pointerPart(name: string): string {
  return name.slice(0, 100).replaceAll('~', '~0').replaceAll('/', '~1')
}
