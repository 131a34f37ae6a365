import { isIPv4 } from 'node:net'
import { domainToASCII } from 'node:url'

const label = /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/

/** The name as it is looked up: lower case, IDNA, without a dot at the end. */
export function hostName(text: string): string | null {
  return parseHost(text).name
}

/** Why the text is no host name and no plain IPv4 address; null when it is one. */
export function hostNameProblem(text: string): string | null {
  return parseHost(text).problem
}

/**
 * Reads a host name or a dotted IPv4 address. Refused: every other way of writing an address (octal, hexadecimal, one
 * number, IPv6 and mapped addresses), since two programs may read those differently, and everything that would end
 * the host part of a URL (`/ ? # @ : \`, blanks, control characters).
 */
function parseHost(
  text: string,
): { readonly name: string; readonly problem: null } | { readonly name: null; readonly problem: string } {
  if (text.includes(':') || text.includes('['))
    return refused('must be a host name or an IPv4 address, without port or scheme')
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is refused
  if (/[\u0000-\u0020\u007f/?#@\\%]/.test(text)) return refused('must be a host name, not a URL')
  const ascii = domainToASCII(text.replace(/\.$/, '')).toLowerCase()
  if (ascii === '' || ascii.length > 253) return refused('must be a host name')
  if (isIPv4(ascii)) {
    // domainToASCII turns 0x7f.1 or 2130706433 into 127.0.0.1: only an address that stands there as it is passes.
    return ascii === text
      ? { name: ascii, problem: null }
      : refused('must be an IPv4 address in its plain form: 192.0.2.1')
  }
  const labels = ascii.split('.')
  if (!labels.every((each) => label.test(each))) return refused('must be a host name')
  // A last label of digits only would make it an address to the URL standard.
  if (/^(\d+|0x[0-9a-f]*)$/.test(labels.at(-1)!)) return refused('must be an IPv4 address in its plain form: 192.0.2.1')
  return { name: ascii, problem: null }
}

function refused(problem: string): { readonly name: null; readonly problem: string } {
  return { name: null, problem }
}
