import { createHash } from 'node:crypto'
import { finalWarehouseCodes, WarehouseError } from '../warehouse-error.ts'
import type { RedshiftClient, Rows } from './client.ts'
import { StatementFailure, statementError } from './errors.ts'

/** One piece of a run's work in the warehouse, under a name of ours. */
export type Step = {
  readonly runId: string
  readonly step: string
  /** Attempts that failed use their token up, and perhaps a place in the bucket. */
  readonly sqls: (attempt: number) => readonly string[]
}

const attemptsMax = 8
/** What was created so long before it was asked for was asked for by an attempt that died. */
const oldMs = 60_000

/**
 * Runs a step, or waits for the statement of an attempt that died: its token is a function of run, step, text and number of
 * failures before. Gives the attempt that succeeded. A failure that repeats at once is told. Throws `WarehouseError`.
 */
export async function runStep(
  client: RedshiftClient,
  { runId, step, sqls }: Step,
  signal: AbortSignal,
): Promise<{ readonly attempt: number; readonly rows: Rows }> {
  let last: string | null = null
  for (let attempt = 0; attempt < attemptsMax; attempt++) {
    const texts = sqls(attempt)
    const asked = Date.now()
    const started = await client.start(
      { sqls: texts, token: tokenOf([runId, step, attempt, ...texts]), name: statementName(runId, step) },
      signal,
    )
    try {
      return { attempt, rows: await client.finish(started, signal) }
    } catch (error) {
      if (!(error instanceof StatementFailure)) throw error
      const told = statementError(error)
      const isOld = started.createdAt.getTime() < asked - oldMs || error.status === 'ABORTED'
      if (isOld) continue
      if (finalWarehouseCodes.has(told.code) || told.code === last) throw told
      last = told.code
    }
  }
  throw new WarehouseError(
    'query_failed',
    `A statement of the run has failed ${attemptsMax} times.`,
    'See the statements of the role in the Data API’s list for the reason.',
  )
}

/** A short question that is not worth a token. Throws `WarehouseError`. */
export async function ask(client: RedshiftClient, sqls: readonly string[], signal: AbortSignal): Promise<Rows> {
  try {
    return await client.ask(sqls, signal)
  } catch (error) {
    throw error instanceof StatementFailure ? statementError(error) : error
  }
}

/** Statements of a run are listed under its beginning. */
export function statementName(runId: string, step = ''): string {
  return `millrace-${runId}-${step}`
}

function tokenOf(parts: readonly unknown[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex')
}
