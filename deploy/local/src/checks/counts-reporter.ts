import type { TestEvent } from 'node:test/reporters'

/**
 * A reporter of node:test for run-tests.ts: one line of JSON for each file, with how long it took, and one with the counts of the whole run.
 * The test runner calls it by its default export.
 */
// biome-ignore lint/style/noDefaultExport: the interface of node:test's reporters
export default async function* countsReporter(source: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  for await (const event of source) {
    if (event.type !== 'test:summary') continue
    const { file, counts, duration_ms: ms } = event.data
    yield `${JSON.stringify(file === undefined ? { counts } : { file, ms })}\n`
  }
}
