import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { chooseLane, liveRowsMax } from '@millrace/domain/sync/choose-lane.ts'
import {
  finalRunStates,
  isFinalRunState,
  mayRunBecome,
  nextRunStates,
  openRunStates,
  type RunState,
  runStates,
} from '@millrace/domain/sync/run-state.ts'

describe('the states of a run', () => {
  it('are open or final, never both', () => {
    assert.deepEqual([...openRunStates, ...finalRunStates].sort(), [...runStates].sort())
    for (const state of runStates)
      assert.equal(isFinalRunState(state), (finalRunStates as readonly RunState[]).includes(state))
  })

  it('lead from queued to every other state, and from every open state to an end', () => {
    const reachable = (from: RunState, seen = new Set<RunState>()): Set<RunState> => {
      for (const next of nextRunStates[from]) if (!seen.has(next)) reachable(next, seen.add(next))
      return seen
    }
    assert.deepEqual([...reachable('queued')].sort(), runStates.filter((state) => state !== 'queued').sort())
    for (const state of openRunStates) {
      assert.ok(mayRunBecome(state, 'failed'), `${state} can fail`)
      assert.ok(reachable(state).has('cancelled'), `${state} can be cancelled`)
    }
  })

  it('let a run succeed only after it has drained', () => {
    assert.deepEqual(
      runStates.filter((state) => mayRunBecome(state, 'succeeded')),
      ['draining'],
    )
  })
})

describe('the lane of a run', () => {
  it('is what the owner of the sync says', () => {
    assert.equal(chooseLane({ override: 'live', lastReadRows: null }), 'live')
    assert.equal(chooseLane({ override: 'bulk', lastReadRows: 0 }), 'bulk')
  })

  it('is bulk for the first run, which reads everything there is', () => {
    assert.equal(chooseLane({ override: null, lastReadRows: null }), 'bulk')
  })

  it('is that of the size of the last run afterwards', () => {
    assert.equal(chooseLane({ override: null, lastReadRows: 0 }), 'live')
    assert.equal(chooseLane({ override: null, lastReadRows: liveRowsMax }), 'live')
    assert.equal(chooseLane({ override: null, lastReadRows: liveRowsMax + 1 }), 'bulk')
  })
})
