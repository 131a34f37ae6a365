import { readFileSync } from 'node:fs'

type Metric = {
  readonly values: Readonly<Record<string, number>>
  readonly thresholds?: Readonly<Record<string, { readonly ok: boolean }>>
}

/** The thresholds of a k6 summary, one a line, with what was measured. */
export function summaryText(file: string): string {
  const { metrics } = JSON.parse(readFileSync(file, 'utf8')) as { metrics: Readonly<Record<string, Metric>> }
  const lines = Object.entries(metrics).flatMap(([name, { values, thresholds = {} }]) =>
    Object.entries(thresholds).map(([threshold, { ok }]) => {
      const measured = Object.entries(values).map(([key, value]) => `${key} ${Math.round(value * 1000) / 1000}`)
      return `${ok ? '✔' : '✖'} ${name} ${threshold}   (${measured.join(', ')})`
    }),
  )
  return lines.join('\n')
}
