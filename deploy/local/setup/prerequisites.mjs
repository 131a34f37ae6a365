import path from 'node:path'
import { capture } from './run.mjs'
import { SetupError } from './setup-error.mjs'

const JAVA_MIN = 17
const NODE_MIN = 20

/**
 * Ends the set-up when something is missing that only the person at the machine can install, with the command that installs it.
 *
 * @param {{ needs: 'dependencies' | 'everything' }} options
 */
export async function checkPrerequisites({ needs }) {
  const node = Number(process.versions.node.split('.')[0])
  if (node < NODE_MIN) {
    throw new SetupError(
      `Node ${process.versions.node} is too old; Node ${NODE_MIN} or newer is needed to begin.`,
      'apt-get install nodejs npm',
    )
  }
  await demand('npm', ['--version'], 'npm is not on the PATH.', 'apt-get install npm')
  if (needs === 'dependencies') return
  const java = await findJava()
  const { output } = await demand(
    java,
    ['-version'],
    `Java is not to be had as "${java}".`,
    'apt-get install openjdk-17-jdk-headless',
  )
  const version = javaMajor(output)
  if (version < JAVA_MIN) {
    throw new SetupError(
      `Java ${version} is too old; Kafka and the schema registry need Java ${JAVA_MIN} or newer.`,
      'apt-get install openjdk-17-jdk-headless',
    )
  }
  await demand(
    'mvn',
    ['--version'],
    'Maven (mvn) is not on the PATH; it fetches Kafka and the schema registry.',
    'apt-get install maven',
  )
}

/** The `java` to use: that of `JAVA_HOME` when it is set, else the one on the PATH. */
export async function findJava() {
  const home = process.env.JAVA_HOME
  return home ? path.join(home, 'bin/java') : 'java'
}

/** The major version in what `java -version` prints: 17 from `"17.0.15"`, 8 from `"1.8.0_412"`, 0 when there is none. */
export function javaMajor(output) {
  const found = /version "(?:1\.)?(\d+)/.exec(output)
  return found === null ? 0 : Number(found[1])
}

async function demand(command, args, problem, hint) {
  const result = await capture(command, args).catch((error) => {
    if (error.code === 'ENOENT') throw new SetupError(problem, hint)
    throw error
  })
  if (result.code !== 0) throw new SetupError(`${problem} It answered:\n${result.output.trim()}`, hint)
  return result
}
