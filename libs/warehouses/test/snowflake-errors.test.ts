import assert from 'node:assert/strict'
import { test } from 'node:test'
import { snowflakeError } from '@millrace/warehouses/snowflake/errors.ts'

const names = { user: 'MILLRACE', role: 'MILLRACE_ROLE', warehouse: 'MILLRACE_WAREHOUSE', database: 'ANALYTICS' }
const told = (code: string, message: string) => snowflakeError(Object.assign(new Error(message), { code }), names)

const cases: readonly (readonly [code: string, text: string, expected: string, message: RegExp])[] = [
  ['390100', 'Incorrect username or password was specified.', 'authentication_failed', /password is wrong/],
  [
    '390144',
    'JWT token is invalid. [public key]',
    'authentication_failed',
    /does not accept the key of the user MILLRACE/,
  ],
  ['390144', 'JWT token is invalid. [expired]', 'authentication_failed', /takes the login token for expired/],
  ['390189', "Requested role 'X' is not assigned", 'permission_denied', /role MILLRACE_ROLE/],
  ['390422', 'Incoming request with IP is not allowed', 'permission_denied', /network policy/],
  ['000606', 'No active warehouse selected', 'permission_denied', /No warehouse is at work/],
  [
    '090073',
    "Warehouse 'X' cannot be resumed because resource monitor 'M' has exceeded its quota.",
    'server_unavailable',
    /cannot be resumed/,
  ],
  ['003001', 'Insufficient privileges', 'permission_denied', /MILLRACE_ROLE may not/],
  ['002003', "Table 'X' does not exist or not authorized.", 'table_not_found', /does not exist/],
  ['091901', 'Stream X has become stale and cannot be read.', 'resync_required', /stale/],
  ['002003', "Base table 'X' dropped, cannot read from stream 'S'.", 'resync_required', /another one/],
  ['000630', 'Statement reached its statement timeout', 'statement_timeout', /longer/],
  ['401001', 'Network error. Could not reach Snowflake.', 'connection_lost', /lost/],
  ['000000', 'something else', 'query_failed', /\(000000\)/],
]

test('each failure of Snowflake is told in words of its own', () => {
  for (const [code, text, expected, message] of cases) {
    const error = told(code, text)
    assert.equal(error.code, expected, text)
    assert.match(error.message, message)
    assert.notEqual(error.hint, '')
  }
})

test('the refusal to unload to an address in a statement is explained with the setting', () => {
  const text =
    'SQL compilation error: Cannot unload to an inlined external location. Please create a stage first and unload to the stage instead.'
  assert.match(told('003234', text).hint ?? '', /ALTER ACCOUNT SET PREVENT_UNLOAD_TO_INLINE_URL = FALSE;/)
})

test('Snowflake’s own words, which can hold values of rows, are never told', () => {
  for (const code of ['100038', '100078', '390144', '000904', '002003'])
    assert.doesNotMatch(JSON.stringify(told(code, "Numeric value 'canary' is not recognized")), /canary/)
})
