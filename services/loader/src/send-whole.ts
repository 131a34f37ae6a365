import type { Destination, SendOutcome } from '@millrace/destinations/destination.ts'
import { DestinationError } from '@millrace/destinations/destination-error.ts'
import { failpoint } from '@millrace/telemetry/failpoint.ts'
import { type Definite, type DeliveryLink, type DeliveryParts, Retries } from './deliver.ts'

/**
 * Sends what is no batch of records and can only be taken or refused as a whole: waits and repeats as `deliver` does. The
 * definite answer; null when the signal ended it. Delivery: at least once, so `send` must be safe to repeat.
 */
export async function sendWhole(
  link: DeliveryLink,
  delivery: DeliveryParts,
  signal: AbortSignal,
  send: (destination: Destination) => Promise<SendOutcome>,
): Promise<Definite | null> {
  const retries = new Retries(link, delivery, signal)
  while (!signal.aborted) {
    let outcome: SendOutcome
    try {
      const destination = await link.usable(signal, delivery.alive)
      await link.throttle(1, signal, delivery.alive)
      await failpoint('loader.beforeRequest')
      const answer = send(destination)
      await failpoint('loader.afterRequest')
      outcome = await answer
    } catch (error) {
      if (signal.aborted) return null
      if (!(error instanceof DestinationError)) throw error
      await link.cannotSend(error)
      continue
    }
    if (signal.aborted && outcome.kind === 'retry') return null
    await link.report(outcome)
    if (outcome.kind === 'retry') await retries.after(outcome)
    else if (outcome.kind !== 'needs_attention') return outcome
  }
  return null
}
