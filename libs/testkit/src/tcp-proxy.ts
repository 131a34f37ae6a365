import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

/**
 * What a link does to the bytes of one direction; names and meaning as in Toxiproxy.
 * - latency: each piece arrives `ms` ± `jitterMs` later
 * - bandwidth: at most `bytesPerSecond`
 * - slicer: pieces of at most `bytes`
 * - limit_data: the connection is reset after `bytes` of this direction, counted from when the toxic was set
 * - reset_peer: the connection is reset as soon as a byte arrives
 * - timeout: bytes vanish, the connection stays open (black hole)
 */
export type Toxic =
  | { readonly type: 'latency'; readonly ms: number; readonly jitterMs?: number }
  | { readonly type: 'bandwidth'; readonly bytesPerSecond: number }
  | { readonly type: 'slicer'; readonly bytes: number }
  | { readonly type: 'limit_data'; readonly bytes: number }
  | { readonly type: 'reset_peer' }
  | { readonly type: 'timeout' }

/** upstream: from client to server; downstream: the answers. */
export type Direction = 'upstream' | 'downstream'

export type TcpProxy = {
  readonly port: number
  /** Replaces what the direction suffers from; for connections that exist as well. */
  set(direction: Direction, ...toxics: Toxic[]): void
  /** Heals both directions; black-holed connections are reset, since bytes of theirs are gone. */
  heal(): void
  /** Resets all connections now. */
  cut(): void
  /** Refuses (resets) new connections while true. */
  refuse(refusing: boolean): void
  /** The proof that a fault happened. */
  readonly seen: { connections: number; resets: number; swallowedBytes: number; bytes: Record<Direction, number> }
  close(): Promise<void>
}

export type TcpProxyOptions = {
  readonly host?: string
  /** Port of the server; may be set later, before the first connection. */
  readonly target: { readonly host: string; readonly port: number } | (() => { host: string; port: number })
  /** 0 takes a free port. */
  readonly port?: number
  /** For jitter; in [0, 1). */
  random?(): number
}

/** Starts a proxy for one link. */
export async function startTcpProxy(options: TcpProxyOptions): Promise<TcpProxy> {
  const host = options.host ?? '127.0.0.1'
  const random = options.random ?? Math.random
  const seen: TcpProxy['seen'] = {
    connections: 0,
    resets: 0,
    swallowedBytes: 0,
    bytes: { upstream: 0, downstream: 0 },
  }
  const toxics: Record<Direction, readonly Toxic[]> = { upstream: [], downstream: [] }
  const pairs = new Set<Pair>()
  let refusing = false

  const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    if (refusing) {
      seen.resets++
      client.resetAndDestroy()
      return
    }
    seen.connections++
    const target = typeof options.target === 'function' ? options.target() : options.target
    const upstream = connect({ ...target, allowHalfOpen: true, noDelay: true })
    const pair: Pair = { client, upstream, tainted: false }
    pairs.add(pair)
    const end = () => {
      pairs.delete(pair)
      client.destroy()
      upstream.destroy()
    }
    for (const socket of [client, upstream]) socket.on('error', end).on('close', end)
    void pump(pair, 'upstream', client, upstream)
    void pump(pair, 'downstream', upstream, client)
  })

  function reset(pair: Pair): void {
    seen.resets++
    pair.client.resetAndDestroy()
    pair.upstream.destroy()
  }

  /** Carries one direction of one connection, piece by piece, through the toxics of the moment. */
  async function pump(pair: Pair, direction: Direction, from: Socket, to: Socket): Promise<void> {
    let limit = null as { toxic: Toxic; left: number } | null
    try {
      for await (const data of from as AsyncIterable<Buffer>) {
        for (const piece of slice(data, toxics[direction])) {
          for (const toxic of toxics[direction]) {
            if (toxic.type === 'latency') await sleep(toxic.ms + (toxic.jitterMs ?? 0) * (2 * random() - 1))
            else if (toxic.type === 'bandwidth') await sleep((piece.length / toxic.bytesPerSecond) * 1000)
            else if (toxic.type === 'reset_peer') return reset(pair)
            else if (toxic.type === 'limit_data') {
              if (limit?.toxic !== toxic) limit = { toxic, left: toxic.bytes }
              limit.left -= piece.length
              if (limit.left < 0) return reset(pair)
            }
          }
          if (toxics[direction].some(({ type }) => type === 'timeout')) {
            pair.tainted = true
            seen.swallowedBytes += piece.length
            continue
          }
          seen.bytes[direction] += piece.length
          if (!to.write(piece)) await drained(to)
        }
      }
      to.end()
    } catch {
      // One side went away: the other one follows, as it does without a proxy.
      from.destroy()
      to.destroy()
    }
  }

  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port ?? 0, host, resolve)
  })
  return {
    port: (server.address() as AddressInfo).port,
    seen,
    set(direction, ...list) {
      toxics[direction] = list
    },
    heal() {
      toxics.upstream = []
      toxics.downstream = []
      for (const pair of pairs) if (pair.tainted) reset(pair)
    },
    cut() {
      for (const pair of pairs) reset(pair)
    },
    refuse(on) {
      refusing = on
    },
    close() {
      for (const { client, upstream } of pairs) {
        client.destroy()
        upstream.destroy()
      }
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
}

type Pair = { readonly client: Socket; readonly upstream: Socket /** Bytes of it were swallowed. */; tainted: boolean }

function* slice(data: Buffer, toxics: readonly Toxic[]): Generator<Buffer> {
  const slicer = toxics.find((toxic) => toxic.type === 'slicer')
  const size = slicer?.bytes ?? 64 * 1024
  for (let at = 0; at < data.length; at += size) yield data.subarray(at, at + size)
}

function drained(socket: Socket): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = () => {
      socket.off('drain', settle).off('close', settle)
      if (socket.destroyed) reject(new Error('closed'))
      else resolve()
    }
    socket.on('drain', settle).on('close', settle)
  })
}
