import path from 'node:path'
import ts from 'typescript'
import {
  clientLibraries,
  domainBuiltins,
  libraryImports,
  stackOnly,
  testOnly,
  uncheckedCertificates,
} from './import-table.ts'

export type ImportProblem = { readonly file: string; readonly line: number; readonly message: string }

type Place = { readonly file: string; readonly room: string; readonly isTest: boolean }

/** What is wrong with the imports of one file; `file` is its path from the root of the checkout, with slashes. */
export function importProblems(file: string, text: string): ImportProblem[] {
  const place = { file, room: roomOf(file), isTest: isTest(file) }
  const imported = ts.preProcessFile(text, true, true).importedFiles
  const problems = imported.flatMap(({ fileName, pos }) => {
    const message = judge(place, fileName)
    return message === undefined ? [] : [{ file, line: lineAt(text, pos), message }]
  })
  return [...problems, ...uncheckedCertificateProblems(file, text)]
}

/** `libs/kafka`, `services/loader`, `deploy/local`, `loadtest`, `tests`. */
export function roomOf(file: string): string {
  const [first = '', second = ''] = file.split('/')
  return first === 'libs' || first === 'services' || first === 'deploy' ? `${first}/${second}` : first
}

export function isTest(file: string): boolean {
  return file.startsWith('tests/') || file.split('/').includes('test')
}

function judge(place: Place, specifier: string): string | undefined {
  if (specifier.startsWith('.')) return judgeRelative(place, specifier)
  if (specifier.startsWith('node:')) return judgeBuiltin(place, specifier)
  const [scope = '', name = ''] = specifier.split('/')
  if (scope === '@millrace') return judgeOwn(place, name)
  return judgeForeign(place, scope, specifier)
}

function judgeRelative({ file, room }: Place, specifier: string): string | undefined {
  const target = path.posix.join(path.posix.dirname(file), specifier)
  if (roomOf(target) === room) return undefined
  return `${specifier} leaves ${room}: import another room by its package name`
}

function judgeBuiltin({ room, isTest }: Place, specifier: string): string | undefined {
  if (room !== 'libs/domain' || isTest || domainBuiltins.includes(specifier)) return undefined
  return `libs/domain is pure and does not import ${specifier}`
}

function judgeOwn({ room, isTest }: Place, name: string): string | undefined {
  const [kind, own = ''] = room.split('/')
  if (name === own || (room === 'deploy/local' && name === 'local-stack')) return undefined
  if (name !== 'local-stack' && !Object.hasOwn(libraryImports, name))
    return `@millrace/${name} is a service or does not exist: services meet in Kafka, Postgres and HTTP, not in imports`
  if (isTest || kind === 'loadtest') return undefined
  if (room === 'libs/domain') return `libs/domain imports nothing of ours, so not @millrace/${name}`
  if (name === 'domain') return undefined
  if (kind === 'libs') {
    const allowed = libraryImports[own] ?? []
    return allowed.includes(name) ? undefined : `${room} may import ${listOf(['domain', ...allowed])}, not ${name}`
  }
  if (testOnly.includes(name)) return `@millrace/${name} is for tests only`
  if (stackOnly.includes(name))
    return `@millrace/${name} starts servers for people and tests; ${room} may not import it`
  return undefined
}

function judgeForeign({ room, isTest }: Place, scope: string, specifier: string): string | undefined {
  if (room === 'libs/domain' && !isTest) return `libs/domain imports no library, so not ${specifier}`
  const rule = Object.hasOwn(clientLibraries, scope) ? clientLibraries[scope] : undefined
  if (rule === undefined || rule.rooms.includes(room) || (isTest && !rule.testsToo)) return undefined
  return `${scope} is imported by ${listOf(rule.rooms)} only`
}

function uncheckedCertificateProblems(file: string, text: string): ImportProblem[] {
  if (uncheckedCertificates.includes(file)) return []
  const switches = text.matchAll(/rejectUnauthorized['"]?\s*:\s*false|NODE_TLS_REJECT_UNAUTHORIZED/g)
  return [...switches].map(({ index }) => ({
    file,
    line: lineAt(text, index),
    message: 'a certificate that is not checked protects nothing: pass the CA instead',
  }))
}

function lineAt(text: string, position: number): number {
  return text.slice(0, position).split('\n').length
}

function listOf(names: readonly string[]): string {
  return names.join(', ')
}
