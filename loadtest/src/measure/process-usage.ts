import { readdirSync, readFileSync } from 'node:fs'

/**
 * What the kernel says of processes (proc(5)). Linux only, as the fields have no counterpart elsewhere.
 */

// Linux reports clock ticks of 1/100 s to programs, whatever the kernel's own rate (`getconf CLK_TCK`).
const ticksPerSecond = 100

/** The process, its children and theirs, that live now. */
export function processTree(pid: number): number[] {
  const children = new Map<number, number[]>()
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue
    const parent = Number(statFields(Number(entry))?.[1])
    if (!Number.isInteger(parent)) continue
    const siblings = children.get(parent)
    if (siblings) siblings.push(Number(entry))
    else children.set(parent, [Number(entry)])
  }
  const tree = [pid]
  for (let i = 0; i < tree.length; i++) tree.push(...(children.get(tree[i]!) ?? []))
  return tree
}

/**
 * CPU seconds, user and system, that a process and its descendants have used: those that live, and those that ended and
 * were waited for (Postgres has a process per connection). 0 when there is no such process.
 */
export function cpuSeconds(pid: number, withDescendants = true): number {
  let ticks = 0
  for (const member of withDescendants ? processTree(pid) : [pid]) {
    // utime, stime, cutime, cstime are fields 14 to 17, counted from 1 with pid and name before these.
    const fields = statFields(member)
    if (fields) for (let at = 11; at <= (withDescendants ? 14 : 12); at++) ticks += Number(fields[at])
  }
  return ticks / ticksPerSecond
}

/** Peak resident memory of a process since its start, in bytes; 0 when there is no such process. */
export function peakResidentBytes(pid: number): number {
  return statusBytes(pid, 'VmHWM')
}

/** Resident memory of a process and its descendants now, in bytes; what they share is counted once. */
export function treeResidentBytes(pid: number): number {
  let own = 0
  let shared = 0
  for (const member of processTree(pid)) {
    own += statusBytes(member, 'RssAnon')
    shared = Math.max(shared, statusBytes(member, 'RssShmem') + statusBytes(member, 'RssFile'))
  }
  return own + shared
}

/** Fields of /proc/<pid>/stat from the third one on (state, parent, …). */
function statFields(pid: number): string[] | null {
  const stat = read(`/proc/${pid}/stat`)
  // The second field is the program's name in brackets and may itself hold blanks and brackets.
  return stat === null ? null : stat.slice(stat.lastIndexOf(')') + 2).split(' ')
}

function statusBytes(pid: number, field: string): number {
  const line = new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(read(`/proc/${pid}/status`) ?? '')
  return line ? Number(line[1]) * 1024 : 0
}

function read(file: string): string | null {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return null // it has ended
  }
}
