import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Destination, SendOutcome } from '@millrace/destinations/destination.ts'
import { DestinationError } from '@millrace/destinations/destination-error.ts'
import fc from 'fast-check'
import { Batcher } from '../src/batcher.ts'
import { type DeliveryParts, deliver } from '../src/deliver.ts'
import type { LoadBatch } from '../src/load-batch.ts'
import { bodiesOf, updateMessage } from './fixtures/update-messages.ts'

const policy = { firstMs: 10, maxMs: 100, budgetMs: 1e9 }

function batchOf(count: number): LoadBatch {
  const batches: LoadBatch[] = []
  const batcher = new Batcher(
    (batch) => batches.push(batch),
    () => 0,
  )
  const { entry, cursor } = updateMessage(
    0,
    Array.from({ length: count }, (_, n) => ({ row: `${n}`, body: `"${n}"` })),
  )
  batcher.add(entry, cursor, 'project', 'events', { recordsMax: count, bytesMax: 1e9, orderFree: true })
  return batches[0]!
}

/** A destination in memory: `answer` decides on the bodies of each request. */
function destinationOf(answer: (bodies: string[]) => SendOutcome): Destination {
  const destination: Pick<Destination, 'kind' | 'prepare' | 'send'> = {
    kind: 'ingestion',
    prepare: async (tableType, batch, from, to) => {
      const bodies = bodiesOf({ records: batch }).slice(from, to)
      return { tableType, isVersioned: false, records: to - from, body: Buffer.from(bodies.join()), bytes: 0 }
    },
    send: async ({ body }) => answer(body.toString().split(',')),
  }
  return destination as Destination
}

type Refusing = {
  prepareFails(): DestinationError | null
  cannotSend(error: DestinationError): Promise<void>
}
const refusesNothing: Refusing = { prepareFails: () => null, cannotSend: async () => undefined }

async function run(
  batch: LoadBatch,
  answer: (bodies: string[]) => SendOutcome,
  { prepareFails, cannotSend }: Refusing = refusesNothing,
) {
  const waits: number[] = []
  let attentions = 0
  let everything = 0
  const { prepare, ...others } = destinationOf(answer)
  const destination: Destination = {
    ...others,
    prepare: async (...asked) => {
      const error = prepareFails()
      if (error) throw error
      return prepare(...asked)
    },
  }
  const link = {
    usable: async () => destination,
    throttle: async () => undefined,
    report: async (outcome: SendOutcome) => {
      if (outcome.kind === 'needs_attention') attentions++
    },
    refusesEverything: async () => {
      everything++
    },
    cannotSend,
    giveUp: async () => undefined,
  }
  let now = 0
  const parts: DeliveryParts = {
    policy,
    now: () => now,
    random: () => 0.5,
    wait: async (ms) => {
      waits.push(ms)
      now += ms
    },
    alive: () => undefined,
    retried: () => undefined,
    sent: () => undefined,
  }
  const isDelivered = await deliver(batch, link, parts, new AbortController().signal)
  const { rejects } = batch.entries[0]!.counts!
  return {
    isDelivered,
    waits,
    attentions,
    everything,
    rejected: rejects.map(({ ordinal }) => ordinal).sort((a, b) => a - b),
  }
}

test('whatever is refused, and however, exactly the bad records are rejected and the good ones accepted once', async () => {
  const faults = fc.array(fc.constantFrom('none', 'retry', 'too_large', 'partial', 'without_detail'), {
    minLength: 1,
    maxLength: 12,
  })
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 60 }),
      fc.array(fc.nat(59), { maxLength: 6 }),
      faults,
      async (count, badList, script) => {
        const bad = new Set(badList.filter((n) => n < count).map((n) => `"${n}"`))
        const accepted: string[] = []
        let n = 0
        const { isDelivered, rejected } = await run(batchOf(count), (bodies) => {
          const fault = script[n++ % script.length]!
          // A fault of the line must pass some time, and a limit must be one that a record alone keeps.
          if (fault === 'retry' && n < 200) return { kind: 'retry', reason: 'http_503' }
          if (fault === 'too_large' && bodies.length > 3) return { kind: 'too_large' }
          const found = bodies.flatMap((body, index) => (bad.has(body) ? [{ index, field: 'f', message: 'm' }] : []))
          if (found.length > 0 && fault === 'without_detail') return { kind: 'bad_batch', message: 'no' }
          accepted.push(...bodies.filter((body) => !bad.has(body)))
          return { kind: 'accepted', refused: found }
        })
        assert.equal(isDelivered, true)
        assert.deepEqual(
          rejected,
          [...bad].map((body) => Number(JSON.parse(body))).sort((a, b) => a - b),
        )
        assert.equal(accepted.length, count - bad.size)
        assert.equal(new Set(accepted).size, accepted.length, 'a definite answer was followed by another request')
      },
    ),
  )
})

test('a definite refusal is never waited for and tried again', async () => {
  const requests: string[][] = []
  const { waits, rejected } = await run(batchOf(8), (bodies) => {
    requests.push(bodies)
    return { kind: 'accepted', refused: bodies.map((_, index) => ({ index, field: '', message: '' })) }
  })
  assert.deepEqual([requests.length, waits, rejected.length], [1, [], 8])
})

test('one bad record among 2,000 costs about two requests for each halving', async () => {
  let requests = 0
  const { rejected } = await run(batchOf(2000), (bodies) => {
    requests++
    return bodies.includes('"1234"') ? { kind: 'bad_batch', message: 'no' } : { kind: 'accepted', refused: [] }
  })
  assert.deepEqual(rejected, [1234])
  assert.ok(requests <= 2 * Math.ceil(Math.log2(2000)) + 1, `${requests} requests`)
})

test('refused access rejects nothing: the same request is sent when access is back', async () => {
  let requests = 0
  const { attentions, rejected, isDelivered } = await run(batchOf(5), () =>
    requests++ < 3 ? { kind: 'needs_attention', status: 401, message: '' } : { kind: 'accepted', refused: [] },
  )
  assert.deepEqual(
    { attentions, rejected, isDelivered, requests },
    { attentions: 3, rejected: [], isDelivered: true, requests: 4 },
  )
})

test('a refusal of everything without a reason is not the records: none is rejected, and all are sent when that is over', async () => {
  let requests = 0
  const accepted: string[] = []
  const { everything, rejected } = await run(batchOf(400), (bodies) => {
    if (requests++ < 150) return { kind: 'bad_batch', message: 'Bad Request' }
    accepted.push(...bodies)
    return { kind: 'accepted', refused: [] }
  })
  assert.equal(everything, 1)
  assert.deepEqual([rejected, new Set(accepted).size], [[], 400])
})

test('a small batch of bad records is rejected, and so is a run of bad ones behind a good one', async () => {
  const few = await run(batchOf(10), () => ({ kind: 'bad_batch', message: 'no' }))
  assert.deepEqual([few.everything, few.rejected.length], [0, 10])
  const many = await run(batchOf(200), (bodies) =>
    bodies.includes('"0"') && bodies.length === 1
      ? { kind: 'accepted', refused: [] }
      : { kind: 'bad_batch', message: 'no' },
  )
  assert.deepEqual([many.everything, many.rejected.length], [0, 199])
})

test('what the destination cannot be asked for waits for a person, and goes to the next destination', async () => {
  const error = new DestinationError('mirror_not_supported', 'no versions', 'another destination')
  let isMended = false
  const told: string[] = []
  const taken = await run(batchOf(3), () => ({ kind: 'accepted', refused: [] }), {
    prepareFails: () => (isMended ? null : error),
    cannotSend: async ({ code }) => {
      told.push(code)
      isMended = told.length === 2
    },
  })
  assert.deepEqual(
    [taken.isDelivered, taken.rejected, told],
    [true, [], ['mirror_not_supported', 'mirror_not_supported']],
  )
})
