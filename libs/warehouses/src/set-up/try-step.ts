import type { ConnectionCheck } from '../warehouse.ts'
import { WarehouseError } from '../warehouse-error.ts'

/** Tries one step of a connection's test. Only what the warehouse answers is a failed check: other errors go on. */
export async function tryStep(
  step: string,
  { setUpStep, work }: { readonly setUpStep?: string; readonly work: () => Promise<unknown> },
): Promise<ConnectionCheck> {
  try {
    await work()
    return { step, ok: true }
  } catch (error) {
    if (!(error instanceof WarehouseError)) throw error
    const { code, message, hint } = error
    return { step, ok: false, ...(setUpStep === undefined ? {} : { setUpStep }), code, message, hint }
  }
}
