import { randomBytes } from 'node:crypto'
import { rm } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { openRedis } from '@millrace/coordination/open-redis.ts'
import { RequestLimiter } from '@millrace/coordination/request-limiter.ts'
import { httpTargetGuard } from '@millrace/net/http-target-guard.ts'
import { AccountVerifier } from '@millrace/secrets/account-verifier.ts'
import { loadKek } from '@millrace/secrets/load-kek.ts'
import { migrateStore } from '@millrace/store/migrate-store.ts'
import { openStore, pingStore } from '@millrace/store/open-store.ts'
import { startAdminServer } from '@millrace/telemetry/admin-server.ts'
import { readEnv } from '@millrace/telemetry/config.ts'
import { startMetrics } from '@millrace/telemetry/metrics.ts'
import { runService } from '@millrace/telemetry/process.ts'
import { openWarehouse } from '@millrace/warehouses/open-warehouse.ts'
import { buildApi } from './build-api.ts'
import { controlApiConfig } from './config.ts'
import { ensureOwner } from './ensure-owner.ts'
import { newId as makeId } from './new-id.ts'
import { writePortFile } from './port-file.ts'

/** Projects, sources, syncs and runs over HTTP: it writes down what is wanted, and others do it. */
await runService({
  service: 'control-api',
  async main({ log, instance, stopping, stopped }) {
    const config = readEnv(controlApiConfig)
    const kek = loadKek(config.kekFile)
    const now = Date.now
    const newId = () => makeId(now(), randomBytes)
    const metrics = startMetrics({ service: 'control-api', instance })
    const migrated = await migrateStore(config.storeUrl)
    if (migrated.length > 0) log.info({ migrated }, 'control store migrated')
    const db = openStore(config.storeUrl, { max: 10, applicationName: 'millrace-control-api' })
    const owner = config.bootstrap && { ...config.bootstrap, id: newId() }
    if (owner && (await ensureOwner(db, owner))) log.info({ username: owner.username }, 'first owner account made')
    const redis = config.redisUrl === undefined ? null : openRedis(config.redisUrl)
    const targets = httpTargetGuard({ policy: { allowedCidrs: config.allowedCidrs } })
    let publicUrl = config.publicUrl?.replace(/\/+$/, '')
    const api = await buildApi({
      db,
      kek,
      verifier: new AccountVerifier({ now }),
      openWarehouse,
      checkDestinationUrl: (baseUrl) => targets.check(baseUrl),
      limiter: new RequestLimiter(redis, now),
      allowedCidrs: config.allowedCidrs,
      bigQueryEndpoint: config.bigQueryEndpoint,
      csvDir: config.csvDir,
      bigQueryStorageEndpoint: config.bigQueryStorageEndpoint,
      awsEndpoint: config.awsEndpoint,
      snowflakeEndpoint: config.snowflakeEndpoint,
      databricksEndpoint: config.databricksEndpoint,
      aws: config.aws,
      awsPrincipalArn: config.awsPrincipalArn,
      warehouseMs: 20_000,
      publicUrl: () => publicUrl ?? '',
      now,
      newId,
      stopping,
      log,
    })

    await api.listen({ host: config.host, port: config.port })
    const { port } = api.server.address() as AddressInfo
    publicUrl ??= `http://${config.host}:${port}`
    if (config.portFile) await writePortFile(config.portFile, port)
    const ready = () => pingStore(db).then(() => true)
    const admin = await startAdminServer({ port: config.adminPort, portFile: config.adminPortFile, ready, metrics })
    log.info({ api: publicUrl, admin: admin.url }, 'answering')

    await stopped()
    if (config.portFile) await rm(config.portFile, { force: true })
    await api.close()
    redis?.disconnect()
    await Promise.all([admin.close(), targets.agent.close(), db.close(), metrics.close()])
  },
})
