import { MillraceError } from '../errors.ts'

/** Bytes that are no value of the schema they are read with. The message that holds them cannot be used. */
export class AvroError extends MillraceError {
  constructor(message: string) {
    super(
      'avro_invalid',
      message,
      'The record goes to the dead-letter topic with its coordinates; its producer wrote something else than its schema says.',
    )
  }
}
