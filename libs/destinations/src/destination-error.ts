import { MillraceError } from '@millrace/domain/errors.ts'

/** The configuration of a destination cannot work. */
export class DestinationError extends MillraceError {}
