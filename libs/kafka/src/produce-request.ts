import { crc32c } from './crc32c.ts'

/** A message of kafkajs; its headers and its own timestamp are nothing that we send. */
type Message = { readonly key?: Buffer | null; readonly value: Buffer }

export type ProduceContent = {
  readonly acks: number
  readonly timeout: number
  readonly topicData: readonly {
    readonly topic: string
    readonly partitions: readonly { readonly partition: number; readonly messages: readonly Message[] }[]
  }[]
}

/** What record batches are compressed with; `attribute` is its number in a batch. null = not compressed. */
export type BatchCompression = {
  readonly attribute: number
  /** May keep `records` only until it returns when it returns a Buffer, else until its promise settles. */
  readonly compress: (records: Buffer) => Buffer | Promise<Buffer>
} | null

const batchHeadBytes = 61
/** The bytes of a batch before and in its length field, which that does not count. */
const uncountedBytes = 12
/** Where the checksum stands, and where begins what it is of. */
const crcAt = 17
const checkedAt = 21
const magic = 2

/**
 * Body of a Produce request, version 3 to 8, in pieces to be written one after the other, without a transaction or a
 * producer id: https://kafka.apache.org/protocol#The_Messages_Produce
 *
 *   body      = int16(-1) int16(acks) int32(timeout ms) int32(topics) topic*
 *   topic     = string int32(partitions) partition*
 *   partition = int32(partition) int32(bytes) batch
 *   batch     = head records, see `batchPieces`                https://kafka.apache.org/documentation/#recordbatch
 */
export async function produceBody(
  content: ProduceContent,
  compression: BatchCompression,
  nowMs: number,
): Promise<Buffer[]> {
  const head = Buffer.allocUnsafe(12)
  head.writeInt16BE(-1, 0)
  head.writeInt16BE(content.acks, 2)
  head.writeInt32BE(content.timeout, 4)
  head.writeInt32BE(content.topicData.length, 8)
  const pieces: Buffer[] = [head]
  for (const { topic, partitions } of content.topicData) {
    pieces.push(topicHead(topic, partitions.length))
    for (const { partition, messages } of partitions) {
      const records = await compressed(recordPieces(messages), compression)
      pieces.push(...batchPieces(partition, messages.length, records, compression?.attribute ?? 0, nowMs))
    }
  }
  return pieces
}

function topicHead(topic: string, partitions: number): Buffer {
  const bytes = Buffer.byteLength(topic)
  const head = Buffer.allocUnsafe(2 + bytes + 4)
  head.writeInt16BE(bytes, 0)
  head.write(topic, 2)
  head.writeInt32BE(partitions, 2 + bytes)
  return head
}

/** Size of the records that a buffer is kept for; the rare larger ones get one of their own. Nothing is awaited while it is in use. */
const keptBytesMax = 4 * 1024 * 1024
let kept = Buffer.alloc(0)

async function compressed(pieces: readonly Buffer[], compression: BatchCompression): Promise<readonly Buffer[]> {
  if (compression === null) return pieces
  const bytes = pieces.reduce((sum, piece) => sum + piece.length, 0)
  // One buffer for all of them, since memory outside of the heap is what the garbage collector is called for.
  const isKept = bytes <= keptBytesMax
  const buffer = isKept && bytes <= kept.length ? kept : Buffer.allocUnsafeSlow(isKept ? bytes + (bytes >>> 2) : bytes)
  let at = 0
  for (const piece of pieces) {
    buffer.set(piece, at)
    at += piece.length
  }
  const result = compression.compress(buffer.subarray(0, bytes))
  if (result instanceof Promise) {
    // It is still being read from: the next batch must not write to it.
    if (buffer === kept) kept = Buffer.alloc(0)
    return [await result]
  }
  if (isKept) kept = buffer
  return [result]
}

/**
 *   record = varint(bytes after it) int8(0) varint(0: ms after the batch's first) varint(number in the batch)
 *            varint(bytes of the key, -1 for none) key varint(bytes of the value) value varint(0 headers)
 */
function recordPieces(messages: readonly Message[]): Buffer[] {
  const pieces: Buffer[] = []
  for (const [number, { key, value }] of messages.entries()) {
    const keyBytes = key?.length ?? -1
    const bytes =
      2 +
      varintBytes(number) +
      varintBytes(keyBytes) +
      Math.max(0, keyBytes) +
      varintBytes(value.length) +
      value.length +
      1
    const head = Buffer.allocUnsafe(varintBytes(bytes) + 2 + varintBytes(number) + varintBytes(keyBytes))
    let at = writeVarint(head, 0, bytes)
    head[at++] = 0
    head[at++] = 0
    at = writeVarint(head, at, number)
    writeVarint(head, at, keyBytes)
    const valueHead = Buffer.allocUnsafe(varintBytes(value.length))
    writeVarint(valueHead, 0, value.length)
    pieces.push(head)
    if (key) pieces.push(key)
    pieces.push(valueHead, value, noHeaders)
  }
  return pieces
}

const noHeaders = Buffer.alloc(1)

/**
 *   head = int64(first offset: 0) int32(bytes after it) int32(leader epoch) int8(2) uint32(crc) int16(attributes)
 *          int32(last number) int64(first ms) int64(last ms) int64(producer: -1) int16(epoch) int32(sequence) int32(records)
 */
function batchPieces(
  partition: number,
  count: number,
  records: readonly Buffer[],
  attribute: number,
  nowMs: number,
): Buffer[] {
  const bytes = records.reduce((sum, piece) => sum + piece.length, batchHeadBytes)
  const place = Buffer.allocUnsafe(8)
  place.writeInt32BE(partition, 0)
  place.writeInt32BE(bytes, 4)
  const head = Buffer.alloc(batchHeadBytes)
  const now = BigInt(nowMs)
  head.writeInt32BE(bytes - uncountedBytes, 8)
  head[16] = magic
  head.writeInt16BE(attribute, 21)
  head.writeInt32BE(count - 1, 23)
  head.writeBigInt64BE(now, 27)
  head.writeBigInt64BE(now, 35)
  head.fill(255, 43, 51)
  head.writeInt32BE(count, 57)
  let crc = crc32c(head.subarray(checkedAt))
  for (const piece of records) crc = crc32c(piece, crc)
  head.writeUInt32BE(crc, crcAt)
  return [place, head, ...records]
}

/** Kafka's varint: zigzag, then seven bits a byte, the lowest first. */
function writeVarint(target: Buffer, at: number, value: number): number {
  let rest = ((value << 1) ^ (value >> 31)) >>> 0
  for (; rest > 127; rest >>>= 7) target[at++] = (rest & 127) | 128
  target[at++] = rest
  return at
}

function varintBytes(value: number): number {
  let bytes = 1
  for (let rest = ((value << 1) ^ (value >> 31)) >>> 0; rest > 127; rest >>>= 7) bytes++
  return bytes
}
