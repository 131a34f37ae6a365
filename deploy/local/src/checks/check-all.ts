import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { declarationProblems } from './declared-imports.ts'
import { fileLengthProblem } from './file-length.ts'
import { importProblems } from './import-rules.ts'
import { proofProblems } from './proofs.ts'
import { sourceFiles } from './source-files.ts'

/** Types, lint and format, import rules, declared packages, proofs, file lengths: all of them, whatever fails. True when nothing was found. */
export async function checkAll(root: string, say: (line: string) => void): Promise<boolean> {
  const bin = (name: string) => path.join(root, 'node_modules/.bin', name)
  const isThere = (file: string) => existsSync(path.join(root, file))
  const steps: [string, () => Promise<string[]>][] = [
    ['types (tsc)', () => program(root, bin('tsc'), ['-p', '.', '--pretty', 'false'])],
    [
      'lint and format (biome)',
      () => program(root, bin('biome'), ['check', '--max-diagnostics=200', '--error-on-warnings', '.']),
    ],
    ['import rules', async () => judgeFiles(root, importComplaints)],
    ['declared packages', async () => declarationProblems(root, sourceFiles(root))],
    [
      'proofs',
      async () => judge(root, [...sourceFiles(root), ...documents], (file, text) => proofProblems(file, text, isThere)),
    ],
    ['file lengths', async () => judgeFiles(root, (file, text) => [fileLengthProblem(file, text) ?? []].flat())],
  ]
  let good = true
  for (const [name, check] of steps) {
    const started = performance.now()
    const problems = await check()
    const seconds = ((performance.now() - started) / 1000).toFixed(1)
    say(`${problems.length === 0 ? '✔' : '✖'} ${name} (${seconds} s)`)
    for (const problem of problems) say(`    ${problem}`)
    good &&= problems.length === 0
  }
  return good
}

const documents = ['docs/architecture.md', 'docs/values.md']

function judgeFiles(root: string, complain: (file: string, text: string) => string[]): string[] {
  return judge(root, sourceFiles(root), complain)
}

function judge(root: string, files: readonly string[], complain: (file: string, text: string) => string[]): string[] {
  return files.flatMap((file) => complain(file, readFileSync(path.join(root, file), 'utf8')))
}

function importComplaints(file: string, text: string): string[] {
  return importProblems(file, text).map(({ line, message }) => `${file}:${line}: ${message}`)
}

/** What a program says when it fails, line by line; nothing when it ends with 0. */
async function program(root: string, command: string, args: readonly string[]): Promise<string[]> {
  const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] })
  let said = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      said += text
    })
  }
  const [code, signal] = await once(child, 'close')
  if (code === 0) return []
  return [...said.trimEnd().split('\n'), `${path.basename(command)} ended with ${signal ?? `exit code ${code}`}`]
}
