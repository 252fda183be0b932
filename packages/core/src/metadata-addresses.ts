/** Where clouds tell a machine who it is, and give it credentials: addresses that no agent may reach. CIDR notation. */
export const metadataAddresses: readonly string[] = [
  // AWS, Azure, GCP and most others, IPv4; AWS, GCP and Scaleway, IPv6
  '169.254.169.254/32',
  'fd00:ec2::254/128',
  'fd20:ce::254/128',
  'fd00:42::42/128',
  // AWS container credentials and DNS
  '169.254.170.2/32',
  '169.254.170.23/32',
  'fd00:ec2::23/128',
  // Azure wire server, Alibaba, Oracle
  '168.63.129.16/32',
  '100.100.100.200/32',
  '192.0.0.192/32',
]
