import assert from 'node:assert/strict'
import { test } from 'node:test'
import { progressLine } from '../src/demo/progress-line.ts'

function output(isTTY: boolean) {
  const written: string[] = []
  return { isTTY, columns: 20, write: (text: string) => written.push(text), written }
}

test('on a terminal the one line is rewritten and never wraps', () => {
  const terminal = output(true)
  const line = progressLine(terminal, () => 0)
  line.update('one')
  line.update('a text that is wider than the terminal')
  line.end('done')
  assert.deepEqual(terminal.written, [
    '\r\x1b[2Kone',
    `\r\x1b[2K${'a text that is wider than the terminal'.slice(0, 19)}`,
    '\r\x1b[2K',
    'done\n',
  ])
})

test('elsewhere a line is written every five seconds, and the last one always', () => {
  const file = output(false)
  let nowMs = 0
  const line = progressLine(file, () => nowMs)
  for (; nowMs < 12_000; nowMs += 500) line.update(`at ${nowMs}`)
  line.end('done')
  assert.deepEqual(file.written, ['at 0\n', 'at 5000\n', 'at 10000\n', 'done\n'])
})
