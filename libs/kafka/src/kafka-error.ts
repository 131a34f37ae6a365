export type KafkaErrorCode =
  | 'message_too_large'
  | 'unavailable'
  | 'not_allowed'
  | 'closed'
  | 'stuck'
  | 'worker_failed'
  | 'topic_mismatch'

const hints: Record<KafkaErrorCode, string> = {
  message_too_large: 'Make batches smaller, or raise max.message.bytes of the topic and the limit of the producer.',
  unavailable: 'Check that the brokers run and that MILLRACE_KAFKA_BROKERS names them; start again when they do.',
  not_allowed: 'Check the credentials and the ACLs of this client on the cluster.',
  closed: 'The client was closed while it was used; this is a fault of the program.',
  stuck: 'The process should end and be started again; see what it waited for in the log before this line.',
  worker_failed: 'The cause says what to do; the process should end and be started again.',
  topic_mismatch: 'Drain the topic and make it again, or set MILLRACE_PARTITIONS to what it has.',
}

/** Kafka trouble that a caller can act on. */
export class KafkaError extends Error {
  readonly code: KafkaErrorCode
  readonly hint: string

  constructor(code: KafkaErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'KafkaError'
    this.code = code
    this.hint = hints[code]
  }
}

/** Broker answers that no repetition changes. */
const refusals = new Set([
  'TOPIC_AUTHORIZATION_FAILED',
  'GROUP_AUTHORIZATION_FAILED',
  'CLUSTER_AUTHORIZATION_FAILED',
  'TRANSACTIONAL_ID_AUTHORIZATION_FAILED',
  'SASL_AUTHENTICATION_FAILED',
  'UNSUPPORTED_SASL_MECHANISM',
  'SECURITY_DISABLED',
  'INVALID_GROUP_ID',
])

/** Broker error types along the causes of an error of the client library, outermost first. */
export function brokerErrorTypes(error: unknown): string[] {
  const types: string[] = []
  for (let at = error as { type?: string; cause?: unknown } | undefined, depth = 0; at && depth < 8; depth++) {
    if (typeof at.type === 'string') types.push(at.type)
    at = at.cause as typeof at
  }
  return types
}

/** Is trying again pointless? Everything else passes: brokers come back, topics get made, groups settle. */
export function isRefusal(error: unknown): boolean {
  return brokerErrorTypes(error).some((type) => refusals.has(type))
}
