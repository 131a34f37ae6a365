import { startRedshiftServer } from '@millrace/testkit/redshift/redshift-server.ts'
import { firstTime, shopEventSql } from './shop-events-sql.ts'
import type { StandIn, StandInRequest } from './stand-in.ts'

const stagingSchema = 'millrace'
const table = { schema: 'shop', name: 'shop_events' }

const columns = `event_id bigint, event_name varchar(100), event_time timestamptz, user_id varchar(100), device_id varchar(100),
  country varchar(2), amount decimal(12,2), quantity integer, is_member boolean, properties super`

/** Redshift's stand-in with a table of shop events whose key is declared. */
export async function startRedshift({ dir, rows, seed }: StandInRequest): Promise<StandIn> {
  const server = await startRedshiftServer({ dir })
  const { dbUser } = server
  await server.sql(`CREATE SCHEMA ${table.schema}`)
  await server.sql(`CREATE SCHEMA ${stagingSchema} AUTHORIZATION ${dbUser}`)
  await server.sql(`CREATE TABLE shop.shop_events (${columns})`)
  await server.declareKey(table.schema, table.name, ['event_id'])
  const insert = (from: number, to: number) =>
    server.sql(`INSERT INTO shop.shop_events SELECT ${events(seed)} FROM generate_series(${from}, ${to}) AS t(i)`)
  await insert(1, rows)
  await server.sql('ANALYZE shop.shop_events')
  await server.sql(`GRANT USAGE ON SCHEMA ${table.schema} TO ${dbUser}`)
  await server.sql(`GRANT SELECT ON shop.shop_events TO ${dbUser}`)
  const { endpoint, identity } = server
  server.trust.trustsEveryone = true
  const env = {
    MILLRACE_AWS_ENDPOINT: endpoint,
    MILLRACE_AWS_ACCESS_KEY_ID: identity.accessKeyId,
    MILLRACE_AWS_SECRET_ACCESS_KEY: identity.secretAccessKey,
  }
  return {
    env: { 'control-api': env, extractor: env },
    source: {
      warehouse: 'redshift',
      options: {
        awsAccountId: server.accountId,
        region: server.region,
        clusterId: server.clusterId,
        database: server.database,
        dbUser,
        roleName: server.roleName,
        stagingBucket: server.bucket,
        stagingSchema,
      },
      secrets: {},
    },
    table,
    async change() {
      await server.sql('UPDATE shop.shop_events SET quantity = quantity + 1 WHERE event_id % 100 = 0')
      await server.sql('DELETE FROM shop.shop_events WHERE event_id % 1000 = 1')
      await insert(rows + 1, rows + Math.ceil(rows / 1000))
    },
    close: () => server.close(),
  }
}

function events(seed: number): string {
  return shopEventSql((i, n) => `(hashint8extended(${i}, ${n + 100 * seed}) & 9223372036854775807)`, {
    time: (seconds) => `TIMESTAMPTZ '${firstTime}+00' + ${seconds} * INTERVAL '1 second'`,
    json: (text) => `(${text})::json`,
  })
}
