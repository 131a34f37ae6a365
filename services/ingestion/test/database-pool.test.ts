import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readdirSync, readlinkSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, describe, it } from 'node:test'
import type { Database } from '../src/index/database.ts'
import { DatabasePool } from '../src/index/database-pool.ts'

describe('the pool of databases', () => {
  const dir = mkdtempSync(path.join(tmpdir(), 'millrace-pool-'))
  after(() => rmSync(dir, { recursive: true, force: true }))
  mkdirSync(path.join(dir, 'log'))
  const options = { file: path.join(dir, 'a.duckdb'), logDir: path.join(dir, 'log'), tempDir: path.join(dir, 'temp') }
  const same = async (database: Database) => database

  it('closes what nobody uses for a while, and opens it again with all that was in it', async () => {
    let nowMs = 0
    const pool = new DatabasePool({ openMax: 2, memoryMb: 64, now: () => nowMs })
    const first = await pool.use(options, async (database) => {
      await database.writer.run('UPDATE position SET indexed_through = 42')
      return database
    })
    nowMs = 4999
    await pool.closeIdle(5000)
    assert.equal(await pool.use(options, same), first)
    nowMs = 9999
    const release = Promise.withResolvers<void>()
    const inUse = pool.use(options, () => release.promise)
    nowMs = 60_000
    await pool.closeIdle(5000)
    release.resolve()
    await inUse
    assert.equal(await pool.use(options, same), first)
    nowMs = 65_000
    await pool.closeIdle(5000)
    const second = await pool.use(options, same)
    assert.notEqual(second, first)
    const rows = await second.writer.runAndReadAll('SELECT indexed_through FROM position')
    assert.deepEqual(rows.getRows(), [[42n]])
    await pool.close()
  })

  it('has let go of a file when it opens another in its place: two that hold one file undo what the other writes', {
    skip: process.platform !== 'linux',
  }, async () => {
    const pool = new DatabasePool({ openMax: 1, memoryMb: 64, now: () => 0 })
    await pool.use(options, (database) => database.writer.run('UPDATE position SET indexed_through = 43'))
    assert.ok(isOpen(options.file))
    await pool.use({ ...options, file: path.join(dir, 'b.duckdb') }, same)
    assert.equal(isOpen(options.file), false)
    await pool.close()
    assert.equal(isOpen(path.join(dir, 'b.duckdb')), false)
  })
})

function isOpen(file: string): boolean {
  const fds = '/proc/self/fd'
  const targets = readdirSync(fds).map((fd) => {
    try {
      return readlinkSync(path.join(fds, fd))
    } catch {
      return '' // closed since: the one that the folder was read by
    }
  })
  return targets.includes(file)
}
