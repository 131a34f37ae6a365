import { mkdir, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { cached } from './cache.mjs'
import { MAVEN_FLAGS } from './maven.mjs'
import { runVisibly } from './run.mjs'
import { SetupError } from './setup-error.mjs'

const SPARK = '4.1.1'
/** Its name in delta-pom.xml carries the version of Spark. */
const DELTA = '4.3.0'
const pom = path.join(path.dirname(fileURLToPath(import.meta.url)), 'delta-pom.xml')
const COPY = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies'

/**
 * Fetches Spark with its Thrift server and Delta (470 MB), for what runs against real Delta tables: the stand-in for Databricks. Only when
 * asked for. Spark's Thrift server is not published for Maven, so Spark comes as the Python package, of which only the jars are kept.
 * Where they are is written to `.millrace/spark.json`.
 *
 * @param {{ root: string, cache: string, say: (line: string) => void }} options
 */
export async function installSpark({ root, cache, say }) {
  const libs = await cached({ cache, name: `spark-${SPARK}-delta-${DELTA}`, say, build: (dir) => build(dir, say) })
  await mkdir(path.join(root, '.millrace'), { recursive: true })
  await writeFile(path.join(root, '.millrace/spark.json'), `${JSON.stringify({ libs }, null, 2)}\n`)
}

async function build(dir, say) {
  const work = path.join(dir, 'work')
  await mkdir(work)
  const archive = path.join(work, `pyspark-${SPARK}.tar.gz`)
  await demand(say, 'Fetching Spark through pip (455 MB)', 'python3', [
    '-m',
    'pip',
    '--quiet',
    'download',
    '--no-deps',
    '--no-binary',
    'pyspark',
    '--dest',
    work,
    `pyspark==${SPARK}`,
  ])
  await demand(say, 'Unpacking Spark', 'tar', [
    '--no-same-owner',
    '-xzf',
    archive,
    '-C',
    dir,
    '--strip-components=3',
    '--wildcards',
    '--no-wildcards-match-slash',
    `pyspark-${SPARK}/deps/jars/*.jar`,
  ])
  // What Spark has already must not be there twice.
  await demand(say, 'Fetching Delta through Maven', 'mvn', [
    ...MAVEN_FLAGS,
    '-f',
    pom,
    COPY,
    '-DincludeGroupIds=io.delta,io.unitycatalog',
    `-DoutputDirectory=${dir}`,
  ])
  await rm(work, { recursive: true })
}

async function demand(say, title, command, args) {
  const done = await runVisibly({ title, command, args, say }).catch((error) => {
    if (error.code === 'ENOENT') return false
    throw error
  })
  if (!done)
    throw new SetupError(
      `${title}: ${command} did not do it; its reason is above.`,
      'apt-get install python3-pip maven tar',
    )
}
