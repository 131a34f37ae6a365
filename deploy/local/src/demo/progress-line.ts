export type ProgressLine = {
  /** Shows the newest state: at once on a terminal, every few seconds elsewhere. */
  update(text: string): void
  /** Leaves the last state standing and begins a new line. */
  end(text?: string): void
}

type Output = { readonly isTTY?: boolean; readonly columns?: number; write(text: string): unknown }

const QUIET_MS = 5_000

/** One line that is rewritten on a terminal; in a log file a new line every five seconds, so that it stays readable. */
export function progressLine(
  output: Output = process.stdout,
  now: () => number = () => performance.now(),
): ProgressLine {
  let shown = Number.NEGATIVE_INFINITY
  return {
    update(text) {
      if (output.isTTY) {
        output.write(`\r\x1b[2K${text.slice(0, (output.columns ?? 120) - 1)}`)
        return
      }
      if (now() - shown < QUIET_MS) return
      shown = now()
      output.write(`${text}\n`)
    },
    end(text = '') {
      if (output.isTTY) output.write('\r\x1b[2K')
      if (text !== '') output.write(`${text}\n`)
      shown = Number.NEGATIVE_INFINITY
    },
  }
}
