export type RegistryErrorCode = 'unavailable' | 'incompatible' | 'invalid_schema' | 'unknown_id' | 'not_framed'

const hints: Record<RegistryErrorCode, string> = {
  unavailable:
    'Check that the schema registry runs and that MILLRACE_REGISTRY_URL names it; known schemas work meanwhile.',
  incompatible: 'A column was removed or changed its type. Resync the table, so that it starts with a new schema.',
  invalid_schema: 'The schema is not valid Avro; this is a fault of the program that made it.',
  unknown_id: 'The record was written with another registry, or the registry lost its data.',
  not_framed: 'The record was not written by Millrace.',
}

/** Schema registry trouble. `unavailable` passes; the other codes stay until someone acts on the hint. */
export class RegistryError extends Error {
  readonly code: RegistryErrorCode
  readonly hint: string

  constructor(code: RegistryErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'RegistryError'
    this.code = code
    this.hint = hints[code]
  }
}
