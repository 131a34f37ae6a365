import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { cached } from './cache.mjs'
import { MAVEN_FLAGS } from './maven.mjs'
import { runVisibly } from './run.mjs'
import { SetupError } from './setup-error.mjs'

const pom = path.join(path.dirname(fileURLToPath(import.meta.url)), 'kafka-pom.xml')
const COPY = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies'

/**
 * The folder with Kafka's jars, fetched through Maven as kafka-pom.xml asks (43 MB). A changed pom gives a new folder.
 *
 * @param {{ cache: string, say: (line: string) => void }} options
 * @returns {Promise<string>}
 */
export async function installKafka({ cache, say }) {
  const text = await readFile(pom)
  const name = `kafka-${createHash('sha256').update(text).digest('hex').slice(0, 12)}`
  return await cached({
    cache,
    name,
    say,
    build: async (dir) => {
      const args = [...MAVEN_FLAGS, '-f', pom, COPY, `-DoutputDirectory=${dir}`]
      const done = await runVisibly({ title: 'Fetching Kafka through Maven (43 MB)', command: 'mvn', args, say })
      if (!done) throw new SetupError('Maven could not fetch Kafka; its reason is above.', `mvn -f ${pom} ${COPY}`)
    },
  })
}
