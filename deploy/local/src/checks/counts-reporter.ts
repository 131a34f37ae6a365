import type { TestEvent } from 'node:test/reporters'

/**
 * A reporter of node:test that gives the counts of the whole run as one line of JSON, for run-tests.ts to add up.
 * The test runner calls it by its default export.
 */
// biome-ignore lint/style/noDefaultExport: the interface of node:test's reporters
export default async function* countsReporter(source: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  for await (const event of source) {
    if (event.type === 'test:summary' && event.data.file === undefined) yield JSON.stringify(event.data.counts)
  }
}
