import { readdirSync, readFileSync, readlinkSync } from 'node:fs'

/** Field of /proc/net/tcp: the state of a socket that listens. */
const listens = '0A'

/** The IPv4 addresses on which a process listens, by Linux's own lists; empty on systems without them. IPv6 ones stand as they are there. */
export function listeningAddresses(pid: number): string[] {
  const mine = new Set(socketsOf(pid))
  return ['tcp', 'tcp6'].flatMap((file) =>
    ifThere(() => readFileSync(`/proc/${pid}/net/${file}`, 'utf8'), '')
      .split('\n')
      .slice(1)
      .flatMap((line) => {
        const [, local = '', , state, , , , , , inode = ''] = line.trim().split(/\s+/)
        return state === listens && mine.has(inode) ? [addressOf(local)] : []
      }),
  )
}

function socketsOf(pid: number): string[] {
  const folder = `/proc/${pid}/fd`
  return ifThere(() => readdirSync(folder), []).flatMap((fd) => {
    const [, inode] = /^socket:\[(\d+)\]$/.exec(ifThere(() => readlinkSync(`${folder}/${fd}`), '')) ?? []
    return inode === undefined ? [] : [inode]
  })
}

/** `0100007F:2B7B` is 127.0.0.1: the bytes in reverse. */
function addressOf(local: string): string {
  const [address = ''] = local.split(':')
  return address.length === 8 ? Buffer.from(address, 'hex').reverse().join('.') : address
}

function ifThere<T>(read: () => T, otherwise: T): T {
  try {
    return read()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return otherwise
    throw error
  }
}
