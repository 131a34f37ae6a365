const linesMax = 300

/** Longer files, and why each is one idea all the same. */
const allowed: Readonly<Record<string, string>> = {
  'libs/kafka/test/conformance.ts': 'one suite, which is run against every Kafka client',
}

/** A complaint when the file is longer than a file of one idea is; undefined when not. */
export function fileLengthProblem(file: string, text: string): string | undefined {
  const lines = text.split('\n').length - (text.endsWith('\n') ? 1 : 0)
  if (lines <= linesMax || Object.hasOwn(allowed, file)) return undefined
  return `${file}: ${lines} lines; past ${linesMax} look for the second idea in it`
}
