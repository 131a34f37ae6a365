import type { SendOutcome } from '../destination.ts'

/** Shorter ones would be found in words of every answer. */
const charsMin = 6

/**
 * Takes secrets out of what a destination says about a request: some repeat the request's headers or its token in their
 * errors, and what they say is stored, logged and shown to people who may not see the secrets.
 */
export function secretHider(secrets: readonly string[]): (outcome: SendOutcome) => SendOutcome {
  const hidden = secrets.filter((secret) => secret.length >= charsMin)
  const clean = (text: string) => hidden.reduce((left, secret) => left.replaceAll(secret, '[redacted]'), text)
  return (outcome) => {
    switch (outcome.kind) {
      case 'bad_batch':
      case 'needs_attention':
        return { ...outcome, message: clean(outcome.message) }
      case 'accepted':
        return {
          ...outcome,
          refused: outcome.refused.map(({ index, field, message }) => ({
            index,
            field: clean(field),
            message: clean(message),
          })),
        }
      default:
        return outcome
    }
  }
}
