import assert from 'node:assert/strict'
import {
  appendFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, beforeEach, describe, test } from 'node:test'
import fc from 'fast-check'
import { readFrames } from '../src/log/frame-reader.ts'
import { FrameBuilder, headerBytes, lineText, readLineText } from '../src/log/record-line.ts'
import { SegmentLog } from '../src/log/segment-log.ts'

describe('the segment log', () => {
  let dir = ''
  const dirs: string[] = []
  beforeEach(() => {
    dir = mkdtempSync(path.join(tmpdir(), 'millrace-log-'))
    dirs.push(dir)
  })
  after(() => {
    for (const each of dirs) rmSync(each, { recursive: true, force: true })
  })

  const openLog = (segmentBytesMax = 1 << 20) =>
    SegmentLog.open({
      dir,
      segmentBytesMax,
      onFailure: (error) => {
        throw error
      },
    })

  function append(log: SegmentLog, records: number): Promise<void> {
    const frame = new FrameBuilder('p', log.nextSequence, 16)
    for (let i = 0; i < records; i++) frame.line(1_700_000_000_000, 'key', `id-${i}`, '{"$set":{}}')
    return log.append(frame)
  }

  async function sequences(file: string): Promise<number[]> {
    const found: number[] = []
    for await (const frame of readFrames(file))
      for (let i = 0; i < frame.records; i++) found.push(frame.firstSequence + i)
    return found
  }

  test('a file cut or spoilt at any byte keeps the whole frames before it, and goes on from there', async () => {
    const log = await openLog()
    const ends: number[] = [0]
    const [name] = readdirSync(dir)
    const file = path.join(dir, name!)
    for (const records of [1, 3, 2]) {
      await append(log, records)
      ends.push(statSync(file).size)
    }
    await log.close()
    const whole = readFileSync(file)
    const counts = [0, 1, 4, 6]
    await fc.assert(
      fc.asyncProperty(fc.nat(whole.length), fc.boolean(), fc.integer({ min: 1, max: 255 }), async (at, cut, flip) => {
        writeFileSync(file, whole)
        if (cut) truncateSync(file, at)
        else if (at < whole.length) {
          const spoilt = Buffer.from(whole)
          spoilt[at]! ^= flip
          writeFileSync(file, spoilt)
        }
        const frames = ends.findLastIndex((end) => end <= at)
        const reopened = await openLog()
        assert.equal(reopened.nextSequence, 1 + counts[frames]!)
        assert.equal(statSync(file).size, ends[frames])
        await append(reopened, 1)
        await reopened.close()
        assert.deepEqual(
          await sequences(file),
          Array.from({ length: counts[frames]! + 1 }, (_, i) => i + 1),
        )
      }),
      { numRuns: 150 },
    )
  })

  test('sequences have no gap over segments, seals and restarts', async () => {
    let log = await openLog(300)
    for (let round = 0; round < 3; round++) {
      await Promise.all([append(log, 2), append(log, 1), log.seal(), append(log, 3)])
      await log.close()
      log = await openLog(300)
    }
    await log.seal()
    assert.equal(log.nextSequence, 19)
    const found: number[] = []
    for (const segment of log.sealed) {
      assert.equal(segment.firstSequence, found.length + 1)
      found.push(...(await sequences(segment.path)))
      assert.equal(segment.endSequence, found.length + 1)
    }
    assert.deepEqual(
      found,
      Array.from({ length: 18 }, (_, i) => i + 1),
    )
    log.drop(found.length + 1)
    assert.equal(readdirSync(dir).length, 1)
    await log.close()
    assert.equal((await openLog()).nextSequence, 19)
  })

  test('rubbish behind the last frame is cut off', async () => {
    const log = await openLog()
    await append(log, 2)
    await log.close()
    const file = path.join(dir, readdirSync(dir)[0]!)
    const { size } = statSync(file)
    appendFileSync(file, Buffer.alloc(headerBytes * 2, 35))
    const reopened = await openLog()
    assert.deepEqual([reopened.nextSequence, statSync(file).size], [3, size])
    await reopened.close()
  })

  test('any text survives a line', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        const column = lineText(text)
        assert.ok(!/[\t\r\n]/.test(column))
        assert.equal(readLineText(column), text)
      }),
    )
  })
})
