import assert from 'node:assert/strict'
import { afterEach, describe, test } from 'node:test'
import { until } from '@millrace/local-stack/servers/until.ts'
import { LeaseKeeper, type LeaseKeeperOptions, LeaseLost, type Renewal } from '../src/lease-keeper.ts'

const options: LeaseKeeperOptions = { leaseMs: 10_000, renewEveryMs: 5, inFlightBytesMax: 1000 }
const held: Renewal = { held: true, runState: 'reading', inFlightBytes: 0 }

describe('keeping a lease', () => {
  const stopping = new AbortController()
  const keepers: LeaseKeeper[] = []

  /** A keeper whose store answers with what stands in `store.answer` (an error: throws it). */
  function keep(
    store: { answer: Renewal | Error; asked: number },
    over: Partial<LeaseKeeperOptions> = {},
    stop = stopping.signal,
  ) {
    const renew = async () => {
      store.asked += 1
      if (store.answer instanceof Error) throw store.answer
      return store.answer
    }
    const keeper = new LeaseKeeper(renew, { ...options, ...over }, stop)
    keepers.push(keeper)
    return keeper
  }
  afterEach(async () => {
    for (const keeper of keepers.splice(0)) await keeper.stop()
  })

  async function reasonOf(keeper: LeaseKeeper): Promise<LeaseLost> {
    await until(() => keeper.signal.aborted, { what: 'the end of the lease', everyMs: 2 })
    assert.ok(keeper.signal.reason instanceof LeaseLost)
    return keeper.signal.reason
  }

  test('the lease is renewed again and again until the work is done, and not after', async () => {
    const store = { answer: held, asked: 0 }
    const keeper = keep(store)
    await until(() => store.asked >= 3, { everyMs: 2 })
    assert.equal(keeper.signal.aborted, false)
    assert.equal(keeper.closed, false)
    await keeper.stop()
    const asked = store.asked
    await new Promise((resolve) => setTimeout(resolve, options.renewEveryMs * 4))
    assert.equal(store.asked, asked)
  })

  test('work that comes after the end of a run goes on, however long it takes', async () => {
    const store = { answer: { ...held, runState: 'succeeded' }, asked: 0 }
    const keeper = keep(store, { afterEnd: true })
    await until(() => store.asked >= 3, { everyMs: 2 })
    assert.equal(keeper.signal.aborted, false)
  })

  test('the work ends when another extractor has the task, or the run was cancelled, failed or removed', async () => {
    for (const [answer, code] of [
      [{ held: false, runState: 'reading', inFlightBytes: 0 }, 'lease_taken'],
      [{ ...held, runState: 'cancelling' }, 'run_ended'],
      [{ ...held, runState: 'failed' }, 'run_ended'],
      [{ ...held, runState: null }, 'run_ended'],
    ] as const) {
      const reason = await reasonOf(keep({ answer, asked: 0 }))
      assert.equal(reason.code, code)
    }
  })

  test('a store that is away is waited for as long as the lease lasts, and no longer', async () => {
    const away = { answer: new Error('no connection'), asked: 0 } as { answer: Renewal | Error; asked: number }
    const patient = keep(away)
    await until(() => away.asked >= 3, { everyMs: 2 })
    assert.equal(patient.signal.aborted, false)
    away.answer = held
    const asked = away.asked
    await until(() => away.asked > asked + 1, { everyMs: 2 })
    assert.equal(patient.signal.aborted, false)

    const reason = await reasonOf(keep({ answer: new Error('no connection'), asked: 0 }, { leaseMs: 30 }))
    assert.equal(reason.code, 'store_unavailable')
  })

  test('readers wait while too much of the run is on its way, and go on when it is loaded', async () => {
    const store = { answer: { ...held, inFlightBytes: 1001 } as Renewal, asked: 0 }
    const keeper = keep(store)
    await until(() => keeper.closed, { everyMs: 2 })
    let opened = false
    const waiting = keeper.opened().then(() => {
      opened = true
    })
    const asked = store.asked
    await until(() => store.asked > asked + 1, { everyMs: 2 })
    assert.equal(opened, false)
    store.answer = { ...held, inFlightBytes: 1000 }
    await waiting
    assert.equal(keeper.closed, false)
    await keeper.opened()
  })

  test('a reader that waits hears of a lost lease', async () => {
    const store = { answer: { ...held, inFlightBytes: 1001 } as Renewal, asked: 0 }
    const keeper = keep(store)
    await until(() => keeper.closed, { everyMs: 2 })
    const waiting = assert.rejects(keeper.opened(), { code: 'lease_taken' })
    store.answer = { held: false, runState: 'reading', inFlightBytes: 0 }
    await waiting
    assert.equal(keeper.closed, true)
    await assert.rejects(keeper.opened(), { code: 'lease_taken' })
  })

  test('reading does not begin while too much of the run is on its way, however rarely the lease is renewed', async () => {
    const store = { answer: { ...held, inFlightBytes: 1001 } as Renewal, asked: 0 }
    const keeper = keep(store, { renewEveryMs: 60_000 })
    let admitted = false
    const waiting = keeper.admitted().then(() => {
      admitted = true
    })
    await until(() => store.asked >= 2, { everyMs: 10, what: 'another look while waiting' })
    assert.equal(admitted, false)
    store.answer = held
    await waiting
  })

  test('a process that stops gives its work up at once, also work begun after the signal', async () => {
    const stop = new AbortController()
    const keeper = keep({ answer: held, asked: 0 }, {}, stop.signal)
    stop.abort()
    assert.equal((keeper.signal.reason as LeaseLost).code, 'stopping')
    const late = keep({ answer: held, asked: 0 }, {}, stop.signal)
    assert.equal((late.signal.reason as LeaseLost).code, 'stopping')
  })

  test('thousands of tasks leave nothing behind on the signal to stop', async () => {
    const stop = new AbortController()
    let added = 0
    const { signal } = stop
    const add = signal.addEventListener.bind(signal)
    const remove = signal.removeEventListener.bind(signal)
    signal.addEventListener = ((...args: Parameters<typeof add>) => {
      added += 1
      add(...args)
    }) as typeof signal.addEventListener
    signal.removeEventListener = ((...args: Parameters<typeof remove>) => {
      added -= 1
      remove(...args)
    }) as typeof signal.removeEventListener
    for (let n = 0; n < 1000; n++) await keep({ answer: held, asked: 0 }, {}, signal).stop()
    assert.equal(added, 0)
  })
})
