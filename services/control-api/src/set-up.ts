import type { WarehouseKind } from '@millrace/domain/words.ts'
import { externalId } from '@millrace/store/projects/external-id.ts'
import { type Grantee, readNames, type SetUpStep } from '@millrace/warehouses/set-up/set-up-guide.ts'
import type { ConnectionCheck, TableRef } from '@millrace/warehouses/warehouse.ts'
import { warehouseDrivers } from '@millrace/warehouses/warehouse-drivers.ts'
import type { ApiContext } from './api-context.ts'
import { invalid } from './http/api-problem.ts'
import type { Connection } from './use-warehouse.ts'

/** The steps that make a warehouse ready, filled in. Throws a 422 that names every field that is wrong. */
export function setUpSteps(
  warehouse: WarehouseKind,
  options: Readonly<Record<string, unknown>>,
  grantee: Grantee,
): readonly SetUpStep[] {
  const guide = warehouseDrivers[warehouse].setUp
  const answer = readNames(guide, options)
  if (answer.ok) return guide.steps(answer.names, grantee)
  const errors = answer.problems.map(({ path, message, hint }) => ({
    path: `options${path.replaceAll('/', '.')}`,
    code: 'option_invalid',
    message,
    hint,
  }))
  const all = errors.map(({ path, message }) => `${path} ${message}`).join('; ')
  throw invalid('options_invalid', `The statements cannot be made: ${all}.`, errors)
}

/** A check, and with one that failed the step of the set-up that is missing, as the source's owner would run it. */
export type CheckAnswer = ConnectionCheck & { readonly setUp?: SetUpStep }

export function withSetUp(
  checks: readonly ConnectionCheck[],
  { warehouse, options, secrets }: Connection,
  grantee: Grantee,
  table: TableRef | undefined,
): readonly CheckAnswer[] {
  const guide = warehouseDrivers[warehouse].setUp
  if (checks.every(({ ok }) => ok)) return checks
  const names = readNames(guide, guide.namesOf(options, secrets, table))
  const steps = names.ok ? guide.steps(names.names, grantee) : []
  return checks.map((check) => {
    const setUp = check.ok ? undefined : steps.find(({ id }) => id === check.setUpStep)
    return setUp === undefined ? check : { ...check, setUp }
  })
}

/** Who Millrace is for a warehouse of the project. */
export async function granteeOf({ db, awsPrincipalArn }: ApiContext, projectId: string): Promise<Grantee> {
  return { externalId: (await externalId(db, projectId)) ?? undefined, awsPrincipalArn }
}
