/**
 * kafkajs 2.2.4 (pinned), with four repairs made before its first use. Its last release is of 2023.
 *
 * 1. CRC-32C byte by byte was the largest single cost of producing: replaced by crc32c.ts, which gives the same numbers.
 * 2. A request queue with nothing to send woke up every millisecond for ever, on every connection
 *    (https://github.com/tulios/kafkajs/issues/1751): it now sleeps until there is something pending.
 * 3. zstd, which Kafka knows and Node has built in, is registered as a codec.
 * 4. An encoder grew by memory filled with zeros, up to twice what was needed, at each of six levels of a request: the
 *    garbage collector was busier with it than all else. It now takes what it needs and leaves it as it is; a batch of one message is not copied.
 */
import { createRequire } from 'node:module'
import type { Logger } from '@millrace/telemetry/logger.ts'
import type * as Kafkajs from 'kafkajs'
import { crc32c } from './crc32c.ts'
import { compressZstd, expandZstd } from './zstd.ts'

const require = createRequire(import.meta.url)

const crcModule = require.resolve('kafkajs/src/protocol/recordBatch/crc32C/index.js')
require(crcModule)
require.cache[crcModule]!.exports = crc32c

type RequestQueue = {
  pending: unknown[]
  throttledUntil: number
  throttleCheckTimeoutId: NodeJS.Timeout | null
  checkPendingRequests(): void
  scheduleCheckPendingRequests(): void
}
const requestQueue = require('kafkajs/src/network/requestQueue/index.js') as { prototype: RequestQueue }
const pendingCheckMs = 10
requestQueue.prototype.scheduleCheckPendingRequests = function scheduleWhenPending() {
  if (this.throttleCheckTimeoutId || this.pending.length === 0) return
  const throttledMs = this.throttledUntil - Date.now()
  this.throttleCheckTimeoutId = setTimeout(
    () => {
      this.throttleCheckTimeoutId = null
      this.checkPendingRequests()
    },
    throttledMs > 0 ? throttledMs : pendingCheckMs,
  )
}

type Encoder = {
  buf: Buffer
  offset: number
  ensureAvailable(bytes: number): void
  writeEncoderArray(encoders: readonly Encoder[]): Encoder
}
const encoder = require('kafkajs/src/protocol/encoder.js') as { prototype: Encoder }
const encoderSpareBytes = 4096
encoder.prototype.ensureAvailable = function growWithoutZeros(bytes) {
  const needed = this.offset + bytes
  if (needed <= this.buf.length) return
  const larger = Buffer.allocUnsafeSlow(Math.max(needed + encoderSpareBytes, this.buf.length * 2))
  this.buf.copy(larger, 0, 0, this.offset)
  this.buf = larger
}

const { writeEncoderArray } = encoder.prototype
encoder.prototype.writeEncoderArray = function adoptOrCopy(encoders) {
  const [only] = encoders
  if (this.offset > 0 || encoders.length !== 1 || only === undefined) return writeEncoderArray.call(this, encoders)
  this.buf = only.buf
  this.offset = only.offset
  return this
}

const kafkajs = require('kafkajs') as typeof Kafkajs
const { CompressionCodecs, CompressionTypes, Kafka, logLevel, ConfigResourceTypes } = kafkajs

CompressionCodecs[CompressionTypes.ZSTD] = () => ({
  compress: ({ buffer }: { buffer: Buffer }) => compressZstd(buffer),
  decompress: expandZstd,
})

export { CompressionTypes, ConfigResourceTypes }

export type ConnectionOptions = {
  /** `host:port` of some brokers. */
  readonly brokers: readonly string[]
  readonly clientId: string
  readonly logger: Logger
  /** For one request, ms. */
  readonly requestTimeoutMs?: number
}

/** A kafkajs client with our time-outs; nothing is connected yet. */
export function openKafka({ brokers, clientId, logger, requestTimeoutMs = 10_000 }: ConnectionOptions): Kafkajs.Kafka {
  return new Kafka({
    brokers: [...brokers],
    clientId,
    connectionTimeout: 3000,
    requestTimeout: requestTimeoutMs,
    enforceRequestTimeout: true,
    // Enough for a rebalance that meets another one; a dead broker is left to our own restart with a fresh client.
    retry: { initialRetryTime: 100, maxRetryTime: 1500, retries: 8 },
    logLevel: logLevel.INFO,
    logCreator: () => (entry) => logEntry(logger, entry),
  })
}

/** Said while brokers restart and groups rebalance, over and over, and by us in better words. */
const noise =
  /rebalancing|Connection error|Connection timeout|Closed connection|Failed to connect|Restarting the consumer|Response (Heartbeat|JoinGroup|SyncGroup|OffsetCommit|Metadata|Produce|Fetch|GroupCoordinator|ListOffsets|OffsetFetch|LeaveGroup)\(|Pausing fetching|Resuming fetching|^Stopped$|^Starting$/

function logEntry(logger: Logger, { level, log, namespace }: Kafkajs.LogEntry): void {
  const { message, timestamp: _timestamp, logger: _logger, stack: _stack, ...details } = log
  const isNoise = noise.test(message)
  if (isNoise || level >= logLevel.INFO) logger.debug({ kafka: namespace, ...details }, message)
  else if (level === logLevel.WARN) logger.info({ kafka: namespace, ...details }, message)
  else logger.warn({ kafka: namespace, ...details }, message)
}
