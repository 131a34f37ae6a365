import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { freePort } from '@millrace/local-stack/servers/free-port.ts'
import { checkoutRoot, installedTools } from '@millrace/local-stack/servers/installed-tools.ts'
import { type Server, startServer } from '@millrace/local-stack/servers/server-process.ts'
import { until } from '@millrace/local-stack/servers/until.ts'
import { listeningAddresses } from './listening-addresses.ts'

export type SparkServer = Server & { readonly port: number }

const readyMs = 120_000
/** Packages that Spark opens on Java 17 (org.apache.spark.launcher.JavaModuleOptions). */
const opened = [
  'java.lang',
  'java.lang.invoke',
  'java.lang.reflect',
  'java.io',
  'java.net',
  'java.nio',
  'java.util',
  'java.util.concurrent',
  'java.util.concurrent.atomic',
  'jdk.internal.ref',
  'sun.nio.ch',
  'sun.nio.cs',
  'sun.security.action',
  'sun.util.calendar',
]

/**
 * A Spark Thrift server with Delta tables below `dir`. It speaks over TCP: over HTTP it would listen on every network of the machine whatever
 * it is told, and nobody has to log in. That it listens on loopback only is looked up after the start.
 */
export async function startSparkServer(dir: string, heapMb = 1200): Promise<SparkServer> {
  const libs = sparkLibs()
  if (libs === null) throw new Error('Spark is not there. Run: npm run setup:spark')
  const port = await freePort()
  mkdirSync(dir, { recursive: true })
  const logging = path.join(dir, 'log4j2.properties')
  writeFileSync(logging, logSettings)
  const server = await startServer({
    name: 'spark',
    dir,
    launch: () => ({
      command: installedTools().java,
      args: [...javaFlags(dir, logging, heapMb), '-cp', path.join(libs, '*'), ...submit(dir, port)],
      env: { ...process.env, SPARK_LOCAL_IP: '127.0.0.1' },
      cwd: dir,
    }),
    ready: ({ logSince, signal }) =>
      until(() => logSince().includes('HiveThriftServer2 started'), { timeoutMs: readyMs, what: 'Spark', signal }),
  })
  const outside = listeningAddresses(server.pid).filter((address) => !address.startsWith('127.'))
  if (outside.length > 0) {
    await server.kill()
    throw new Error(`Spark listened on ${outside.join(', ')}`)
  }
  return Object.assign(server, { port })
}

/** The folder with Spark's jars, which deploy/local/setup/spark.mjs has fetched; null when nobody has asked for it yet. */
export function sparkLibs(): string | null {
  const file = path.join(checkoutRoot, '.millrace/spark.json')
  if (!existsSync(file)) return null
  const { libs } = JSON.parse(readFileSync(file, 'utf8')) as { libs: string }
  return existsSync(libs) ? libs : null
}

function javaFlags(dir: string, logging: string, heapMb: number): string[] {
  return [
    `-Xmx${heapMb}m`,
    '-XX:+UseSerialGC',
    '-Xshare:auto',
    '--add-modules=jdk.incubator.vector',
    ...opened.map((name) => `--add-opens=java.base/${name}=ALL-UNNAMED`),
    '-Djava.net.preferIPv4Stack=true',
    '-Dio.netty.tryReflectionSetAccessible=true',
    '-Duser.timezone=UTC',
    `-Dlog4j2.configurationFile=${logging}`,
    `-Djava.io.tmpdir=${dir}`,
    `-Dderby.system.home=${dir}`,
  ]
}

function submit(dir: string, port: number): string[] {
  const conf = {
    'spark.master': 'local[2]',
    'spark.driver.host': '127.0.0.1',
    'spark.driver.bindAddress': '127.0.0.1',
    'spark.ui.enabled': 'false',
    'spark.local.dir': dir,
    'spark.sql.extensions': 'io.delta.sql.DeltaSparkSessionExtension',
    'spark.sql.catalog.spark_catalog': 'org.apache.spark.sql.delta.catalog.DeltaCatalog',
    'spark.sql.warehouse.dir': path.join(dir, 'warehouse'),
    'spark.sql.shuffle.partitions': '2',
    'spark.databricks.delta.snapshotPartitions': '1',
    'spark.databricks.delta.retentionDurationCheck.enabled': 'false',
    'spark.sql.thriftServer.incrementalCollect': 'true',
  }
  const hive = {
    'hive.server2.transport.mode': 'binary',
    'hive.server2.authentication': 'NOSASL',
    'hive.server2.thrift.bind.host': '127.0.0.1',
    'hive.server2.thrift.port': String(port),
    'javax.jdo.option.ConnectionURL': 'jdbc:derby:memory:metastore;create=true',
  }
  return [
    'org.apache.spark.deploy.SparkSubmit',
    '--class',
    'org.apache.spark.sql.hive.thriftserver.HiveThriftServer2',
    ...Object.entries(conf).flatMap(([name, value]) => ['--conf', `${name}=${value}`]),
    'spark-internal',
    ...Object.entries(hive).flatMap(([name, value]) => ['--hiveconf', `${name}=${value}`]),
  ]
}

const logSettings = `rootLogger.level = warn
rootLogger.appenderRef.out.ref = out
appender.out.type = Console
appender.out.name = out
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %d{ISO8601} %p %c{1} %m%n
logger.started.name = org.apache.spark.sql.hive.thriftserver.HiveThriftServer2
logger.started.level = info
`
