import type { WarehouseKind } from '@millrace/domain/words.ts'
import type { Source } from '@millrace/store/sources/get-source.ts'
import { updateSource } from '@millrace/store/sources/update-source.ts'
import {
  type LoginKey,
  makeLoginKey,
  publicKeyText,
  readLoginKey,
  setKeyStatement,
  writeLoginKey,
} from '@millrace/warehouses/snowflake/key-pair.ts'
import type { FastifyRequest } from 'fastify'
import type { ApiContext } from './api-context.ts'
import { ApiProblem } from './http/api-problem.ts'
import { audited } from './http/audited.ts'
import { sealFields, sourcePlace } from './sealed-secrets.ts'
import { type Connection, useWarehouse } from './use-warehouse.ts'

type Options = Readonly<Record<string, unknown>>

export type ShownKey = {
  readonly state: 'current' | 'next'
  readonly slot: string
  readonly publicKey: string
  readonly statement: string
}

/** Whether Millrace makes the keys of such a source itself: private keys come from no one and are shown to no one. */
export function makesKeys(warehouse: WarehouseKind, options: Options): boolean {
  return warehouse === 'snowflake' && options.authentication === 'key_pair'
}

/** Secrets of a new source whose keys Millrace makes: a pair for the first slot. */
export async function firstKeys(): Promise<Readonly<Record<string, string>>> {
  return { privateKey: writeLoginKey(await makeLoginKey('RSA_PUBLIC_KEY')) }
}

/** The keys of a source as its owner may see them. */
export function shownKeys(options: Options, { privateKey, nextPrivateKey }: Connection['secrets']): ShownKey[] {
  const shown = (state: ShownKey['state'], key: LoginKey): ShownKey => ({
    state,
    slot: key.slot,
    publicKey: publicKeyText(key),
    statement: setKeyStatement(String(options.user), key),
  })
  return [
    ...(privateKey === undefined ? [] : [shown('current', readLoginKey(privateKey))]),
    ...(nextPrivateKey === undefined ? [] : [shown('next', readLoginKey(nextPrivateKey))]),
  ]
}

/** Throws a 409 unless Millrace makes the keys of the source. */
export function requireKeys({ warehouse, options }: Pick<Source, 'warehouse' | 'options'>): void {
  if (makesKeys(warehouse, options)) return
  throw new ApiProblem(
    409,
    'no_keys',
    'The source does not log in with keys that Millrace makes.',
    'Only Snowflake sources with authentication key_pair have such keys; change the secrets of others instead.',
  )
}

/**
 * Takes the next key for the current one, and forgets the old one, when the warehouse lets in with it. Before that both
 * are tried at each login, so there is no moment at which a run could not log in. False when there is no next key, or it does not let in yet.
 */
export async function confirmNextKey(
  context: ApiContext,
  request: FastifyRequest,
  source: Source,
  { warehouse, options, secrets }: Connection,
): Promise<boolean> {
  const { nextPrivateKey } = secrets
  if (nextPrivateKey === undefined || !makesKeys(warehouse, options)) return false
  const alone = { warehouse, options, secrets: { privateKey: nextPrivateKey } }
  const [login] = await useWarehouse(context, source.projectId, alone, (opened, signal) =>
    opened.testConnection(signal),
  )
  if (login?.ok !== true) return false
  const place = sourcePlace(source.projectId, source.id)
  const change = {
    projectId: source.projectId,
    sourceId: source.id,
    secrets: sealFields(context.kek, place, { privateKey: nextPrivateKey }),
    dropOtherSecrets: true,
  }
  const { slot } = readLoginKey(nextPrivateKey)
  const changed = await audited(context, request, async (tx) =>
    (await updateSource(tx, change))
      ? { result: true, action: 'source.keys', object: `source:${source.id}`, after: { slot, confirmed: true } }
      : null,
  )
  return changed === true
}
