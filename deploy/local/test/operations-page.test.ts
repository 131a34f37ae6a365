import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { checkoutRoot } from '@millrace/local-stack/servers/installed-tools.ts'
import { serviceNames } from '@millrace/local-stack/service-process.ts'

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

test('the page for operators has the numbers that hold when a variable is not set', () => {
  const numbers = serviceNames.flatMap(numbersOf)
  assert.ok(numbers.length > 40)
  const wrong = numbers.filter(({ service, name, value }) => !numbersTold(service, name).includes(value))
  assert.deepEqual(wrong, [])
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

/** The defaults of a service's whole numbers, as its configuration writes them: `10 * 1024`, `6 * hourMs`. */
function numbersOf(service: string): { service: string; name: string; value: number }[] {
  const config = readFileSync(path.join(checkoutRoot, 'services', service, 'src/config.ts'), 'utf8')
  const found = config.matchAll(/read\.integer\('(\w+)', \{ default: ([^,}]+)/g)
  return [...found].map(([, name, product]) => ({ service, name: name!, value: multiplied(product!) }))
}

function multiplied(product: string): number {
  const units: Record<string, number> = { hourMs: 3_600_000, dayMs: 86_400_000 }
  return product.split('*').reduce((sum, part) => {
    const factor = part.trim().replaceAll('_', '')
    return sum * (units[factor] ?? Number(factor))
  }, 1)
}

/** What the table says of a variable for a service; a row without a name belongs to the name above it. */
function numbersTold(service: string, name: string): number[] {
  let names: string[] = []
  return page.split('\n').flatMap((line) => {
    const cells = line.split('|').map((cell) => cell.trim())
    const [, variables = '', services = '', defaults = ''] = cells
    if (variables.includes('`MILLRACE')) names = variables.match(/MILLRACE_\w+/g) ?? []
    const at = names.indexOf(name)
    if (at < 0 || !(services.includes(service) || services === 'all')) return []
    const told = defaults.split(', ')[at] ?? ''
    return [told.endsWith(' days') ? Number.parseInt(told, 10) * 86_400_000 : Number(told)]
  })
}
