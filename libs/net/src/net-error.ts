import { MillraceError } from '@millrace/domain/errors.ts'

export type NetErrorCode =
  | 'host_invalid'
  | 'host_not_allowed'
  | 'port_not_allowed'
  | 'host_not_found'
  | 'host_unreachable'
  | 'tls_required'
  | 'tls_certificate_invalid'
  | 'tls_failed'
  | 'ca_certificate_invalid'
  | 'ssh_authentication_failed'
  | 'ssh_key_invalid'
  | 'ssh_host_key_unknown'
  | 'ssh_host_key_changed'
  | 'ssh_failed'

/** A connection that was not made, and why, in words that tell nothing about networks that the asker cannot see. */
export class NetError extends MillraceError {
  declare readonly code: NetErrorCode

  constructor(code: NetErrorCode, message: string, hint: string, options?: { cause?: unknown }) {
    super(code, message, hint, options)
  }
}

/**
 * One message for refused, filtered and unknown, so that nobody maps a private network by it; the code still tells a
 * name that the public DNS does not know, since that is no secret and the commonest typing error.
 */
export function unreachable(code: 'host_not_found' | 'host_unreachable', cause?: unknown): NetError {
  return new NetError(
    code,
    code === 'host_not_found' ? 'The host is not known or cannot be reached.' : 'The host cannot be reached.',
    code === 'host_not_found'
      ? 'Check the spelling of the host name; it must have an IPv4 address.'
      : 'Check host and port, and that firewalls let Millrace in.',
    { cause },
  )
}
