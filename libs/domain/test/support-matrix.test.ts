import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type Combination, checkCombination } from '@millrace/domain/sync/check-combination.ts'
import { scheduleKinds } from '@millrace/domain/sync/schedule.ts'
import { destinationKinds, modes, tableTypes, warehouseKinds } from '@millrace/domain/words.ts'
import fc from 'fast-check'

/** The rules as the guide states them, written apart from the table of the code; but that Postgres has mirror as well. */
function allowed(c: Combination): boolean {
  const profiles = c.tableType === 'user_profiles' || c.tableType === 'group_profiles'
  const history = profiles && c.profileKind === 'history'
  const append = c.mode === 'append'
  if (!append && (c.hasInsertTime || c.overlapMs > 0)) return false
  if (c.mode === 'one_time' && c.schedule !== 'api') return false
  if (c.ga4 && (c.warehouse !== 'bigquery' || c.mode === 'mirror')) return false
  if (c.ga4 && c.mode !== 'one_time' && c.schedule !== 'daily') return false
  if (history && c.mode !== 'mirror') return false
  switch (c.mode) {
    case 'mirror':
      return c.warehouse !== 'csv' && (c.tableType === 'events' || history) && c.destination !== 'mixpanel'
    case 'append':
      return c.hasInsertTime && c.tableType !== 'lookup_table'
    case 'full':
      return c.tableType !== 'events'
    case 'one_time':
      return true
  }
}

const base: Combination = {
  warehouse: 'postgres',
  tableType: 'events',
  profileKind: null,
  mode: 'append',
  destination: 'ingestion',
  hasInsertTime: true,
  overlapMs: 0,
  schedule: 'hourly',
}

describe('the support matrix', () => {
  test('answers every cell as the guide does, and every refusal says what and what to do', () => {
    let cells = 0
    const rules = new Set<string>()
    for (const warehouse of warehouseKinds)
      for (const tableType of tableTypes)
        for (const profileKind of tableType.endsWith('profiles') ? (['standard', 'history'] as const) : [null])
          for (const mode of modes)
            for (const destination of destinationKinds)
              for (const hasInsertTime of [true, false])
                for (const overlapMs of [0, 60_000])
                  for (const schedule of scheduleKinds)
                    for (const ga4 of [true, false]) {
                      const cell: Combination = {
                        warehouse,
                        tableType,
                        profileKind,
                        mode,
                        destination,
                        hasInsertTime,
                        overlapMs,
                        schedule,
                        ga4,
                      }
                      const answer = checkCombination(cell)
                      cells++
                      assert.equal(answer.ok, allowed(cell), JSON.stringify({ cell, answer }))
                      if (answer.ok) continue
                      rules.add(answer.rule)
                      assert.match(answer.message, /\.$/)
                      assert.match(answer.hint, /\.$/)
                    }
    assert.equal(cells, 6 * 6 * 4 * 2 * 2 * 2 * 4 * 2)
    assert.equal(rules.size, 13, 'every rule is the first one broken by some cell')
  })

  test('has mirror of events and history on Postgres, which the guide does not', () => {
    const mirror: Combination = { ...base, mode: 'mirror', hasInsertTime: false }
    assert.deepEqual(checkCombination(mirror), { ok: true })
    assert.deepEqual(checkCombination({ ...mirror, tableType: 'user_profiles', profileKind: 'history' }), { ok: true })
    const standard = checkCombination({ ...mirror, tableType: 'user_profiles', profileKind: 'standard' })
    assert.ok(!standard.ok && standard.rule === 'standard_profiles_have_no_mirror')
  })

  test('refuses mirror of events to Mixpanel because of its deletes', () => {
    const answer = checkCombination({
      ...base,
      warehouse: 'snowflake',
      mode: 'mirror',
      hasInsertTime: false,
      destination: 'mixpanel',
    })
    assert.ok(!answer.ok && answer.rule === 'destination_cannot_delete_events')
  })

  test('never depends on the destination outside of mirror', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...warehouseKinds),
        fc.constantFrom(...tableTypes),
        fc.constantFrom('append', 'full', 'one_time'),
        fc.boolean(),
        (warehouse, tableType, mode, hasInsertTime) => {
          const cell = { ...base, warehouse, tableType, mode: mode as Combination['mode'], hasInsertTime }
          assert.deepEqual(
            checkCombination({ ...cell, destination: 'mixpanel' }),
            checkCombination({ ...cell, destination: 'ingestion' }),
          )
        },
      ),
    )
  })
})
