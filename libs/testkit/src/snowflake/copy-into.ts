import { notModelled, SnowflakeError } from './snowflake-error.ts'
import type { Statement } from './statement.ts'

/**
 * Unloading is not modelled but for its refusal: accounts with PREVENT_UNLOAD_TO_INLINE_URL take stages only, no URLs.
 * https://docs.snowflake.com/en/sql-reference/parameters#prevent-unload-to-inline-url
 */
export function copyInto({ reader, world }: Statement): never {
  if (reader.peek()?.kind === 'string' && world.preventInlineUnload)
    throw new SnowflakeError(
      '001047',
      '42601',
      'SQL compilation error: Cannot unload to an inlined external location. Please create a stage first and unload to the stage instead.',
    )
  throw notModelled('COPY INTO')
}
