import { WarehouseError } from '../warehouse-error.ts'

const suffix = '.snowflakecomputing.com'
const label = '[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?'

/**
 * `organisation-account` or `locator`, `locator.region`, `locator.region.cloud`, each perhaps with `.privatelink`. No character of it
 * ends the host part of a URL. https://docs.snowflake.com/en/user-guide/admin-account-identifier
 */
export const accountForm = new RegExp(
  `^(?=.{1,200}$)[A-Za-z0-9](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9])?(?:\\.${label}){0,3}$`,
)

/**
 * The host of an account. It is built from the identifier and read again, so that nothing but a host below
 * snowflakecomputing.com comes out of it. Throws `WarehouseError` `options_invalid`.
 */
export function accountHost(identifier: string): string {
  // Underscores stand as hyphens in hosts, which certificates can name.
  const host = `${identifier.toLowerCase().replaceAll('_', '-')}${suffix}`
  const url = accountForm.test(identifier) && URL.canParse(`https://${host}`) ? new URL(`https://${host}`) : null
  if (url !== null && url.host === host && url.href === `https://${host}/` && host.endsWith(suffix)) return host
  throw new WarehouseError(
    'options_invalid',
    'The account identifier is not in the form that Snowflake has.',
    'Give what stands before .snowflakecomputing.com in the URL of the account: myorg-account123.',
  )
}

/** The account as logins name it: without the region. */
export function accountName(identifier: string): string {
  return identifier.split('.', 1)[0]!
}
