const windowMs = 10_000

/** Rows a second over the last ten seconds, from looks at a growing count. */
export class RateWindow {
  readonly #looks: { readonly at: number; readonly rows: number }[] = []

  /** `at` in ms. null until there are two looks at different times. */
  add(at: number, rows: number): number | null {
    const looks = this.#looks
    looks.push({ at, rows })
    while (looks.length > 2 && at - looks[1]!.at >= windowMs) looks.shift()
    const first = looks[0]!
    return at > first.at ? ((rows - first.rows) * 1000) / (at - first.at) : null
  }
}
