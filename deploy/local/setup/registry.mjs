import { mkdir, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { cached } from './cache.mjs'
import { MAVEN_FLAGS } from './maven.mjs'
import { runVisibly } from './run.mjs'
import { SetupError } from './setup-error.mjs'

const GROUP = 'io.apicurio'
const NAME = 'apicurio-registry-app'
// 3.0 is the last line that runs on Java 17.
const VERSION = '3.0.9'
const ARTIFACT = `${GROUP}:${NAME}:${VERSION}:tar.gz:all`
const COPY = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy'

/**
 * The folder with the unpacked schema registry, fetched through Maven (109 MB).
 *
 * @param {{ cache: string, say: (line: string) => void }} options
 * @returns {Promise<string>}
 */
export async function installRegistry({ cache, say }) {
  return await cached({
    cache,
    name: `${NAME}-${VERSION}`,
    say,
    build: async (dir) => {
      const work = path.join(dir, 'maven')
      await writeDescriptor(work)
      const args = [
        ...MAVEN_FLAGS,
        `-Dmaven.repo.local=${work}`,
        COPY,
        `-Dartifact=${ARTIFACT}`,
        `-DoutputDirectory=${work}`,
      ]
      const fetched = await runVisibly({
        title: 'Fetching the schema registry through Maven (109 MB)',
        command: 'mvn',
        args,
        cwd: work,
        say,
      })
      if (!fetched)
        throw new SetupError('Maven could not fetch the schema registry; its reason is above.', 'npm run setup')
      const unpack = ['--no-same-owner', '-xzf', path.join(work, `${NAME}-${VERSION}-all.tar.gz`), '-C', dir]
      const unpacked = await runVisibly({ title: 'Unpacking the schema registry', command: 'tar', args: unpack, say })
      if (!unpacked)
        throw new SetupError('The archive of the schema registry cannot be unpacked.', 'apt-get install tar gzip')
      await rm(work, { recursive: true })
    },
  })
}

/**
 * The published descriptor of this version names a parent that was never published, so Maven cannot read it and fetches nothing. A
 * repository of our own, for this one call, answers with a descriptor that has no parent; archive and checksum come as published.
 */
async function writeDescriptor(repository) {
  const folder = path.join(repository, ...GROUP.split('.'), NAME, VERSION)
  await mkdir(folder, { recursive: true })
  const descriptor = `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>${GROUP}</groupId>
  <artifactId>${NAME}</artifactId>
  <version>${VERSION}</version>
</project>
`
  await writeFile(path.join(folder, `${NAME}-${VERSION}.pom`), descriptor)
}
