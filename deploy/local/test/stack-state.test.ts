import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, beforeEach, test } from 'node:test'
import { recordProcess } from '../src/servers/process-record.ts'
import { closeStackState, openStackState, StackInUseError } from '../src/stack-state.ts'

const dirs: string[] = []
let dir: string

beforeEach(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'millrace-state-'))
  dirs.push(dir)
})
after(() => {
  for (const each of dirs) rmSync(each, { recursive: true, force: true })
})

test('a stack that starts again has its ports again, each its own', async () => {
  const first = await openStackState(dir)
  const names = ['kafka', 'redis', 'control-api']
  const ports = await Promise.all(names.map((name) => first.port(name)))
  assert.equal(new Set(ports).size, names.length)
  closeStackState(dir)
  const second = await openStackState(dir)
  assert.deepEqual(await Promise.all(names.map((name) => second.port(name))), ports)
})

test('a port that somebody else has taken meanwhile is replaced', async () => {
  const state = await openStackState(dir)
  const before = await state.port('kafka')
  const other = createServer()
  await new Promise<void>((resolve) => other.listen(before, '127.0.0.1', resolve))
  try {
    assert.notEqual(await state.port('kafka'), before)
  } finally {
    other.close()
  }
})

test('secrets are made once, and their files are for the owner only', async () => {
  const state = await openStackState(dir)
  const secret = state.secret('operator-token')
  assert.ok(secret.length >= 32)
  assert.equal(state.secret('operator-token'), secret)
  assert.notEqual(state.secret('another'), secret)
  assert.equal(statSync(state.secretFile('operator-token')).mode & 0o777, 0o600)
})

test('a folder whose stack runs is refused to a second one, and free again when that process is gone', async () => {
  const holder = spawn('sleep', ['60'])
  try {
    recordProcess(dir, 'stack', holder.pid!)
    await assert.rejects(openStackState(dir), (error) => error instanceof StackInUseError)
  } finally {
    holder.kill('SIGKILL')
    await new Promise((resolve) => holder.once('exit', resolve))
  }
  await openStackState(dir)
})
