import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { checkoutRoot } from '@millrace/local-stack/servers/installed-tools.ts'

const page = readFileSync(path.join(checkoutRoot, 'docs/operations.md'), 'utf8')

/** The sources of services and libs, without their tests. */
const sources = ['services', 'libs']
  .flatMap((kind) =>
    readdirSync(path.join(checkoutRoot, kind)).map((name) => path.join(checkoutRoot, kind, name, 'src')),
  )
  .flatMap((dir) => readdirSync(dir, { recursive: true, encoding: 'utf8' }).map((file) => path.join(dir, file)))
  .filter((file) => file.endsWith('.ts') && !file.includes('/testkit/'))
  .map((file) => readFileSync(file, 'utf8'))
  .join('\n')

const namesIn = (text: string, pattern: RegExp) => [...new Set(text.match(pattern))].sort()

test('the page for operators has every variable that is read, and no other', () => {
  const read = namesIn(sources, /(?<=read\.\w+\('|env\.)(MILLRACE|OTEL)_\w+/g)
  assert.ok(read.length > 40)
  assert.deepEqual(namesIn(page, /\b(?:MILLRACE|OTEL)_\w+/g), read)
})

test('the page for operators has every metric, and no other', () => {
  const made = namesIn(
    sources,
    /(?<=(?:counter|observe)\((?:meter, )?')[a-z_.]+(?=')|(?<=create\w+\(\s*')millrace\.[a-z_.]+(?=')/g,
  )
    .map((name) => name.replace(/^millrace\./, '').replaceAll('.', '_'))
    .sort()
  assert.ok(made.length > 12)
  const told = namesIn(page, /(?<=\bmillrace_)[a-z_]+/g).map((name) => name.replace(/_total$/, ''))
  assert.deepEqual([...new Set(told)].sort(), made)
})
