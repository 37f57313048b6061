/// What the engine counted since it started. Every drop and eviction is in here.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    pub packets_in: u64,
    pub packets_out: u64,
    /// Not IP, or lengths that contradict each other; dropped.
    pub malformed_ip: u64,
    /// TCP or UDP whose lengths contradict each other; dropped.
    pub malformed_transport: u64,
    /// Neither TCP nor UDP; dropped.
    pub other_protocols: u64,
    /// Fragments that came, and the datagrams made of them.
    pub fragments: u64,
    pub reassembled: u64,
    /// Fragments that were thrown away: they overlap, contradict each other, are too many, or their rest never came.
    pub fragments_dropped: u64,
    pub tcp_flows: u64,
    pub udp_flows: u64,
    /// Flows refused because the table was full.
    pub tcp_refused: u64,
    pub udp_evicted: u64,
    /// Datagrams to port 443 of a name that only its paths decide: refused, so that the browser takes TCP.
    pub udp_refused: u64,
    pub out_of_order: u64,
    pub retransmissions: u64,
    /// First bytes that were neither TLS nor HTTP, or could not be parsed: forwarded (or blocked when policy fails closed).
    pub not_inspected: u64,
    /// First bytes that were held until patience ran out, and then judged by what was known.
    pub held_too_long: u64,
    pub malformed_dns: u64,
    pub blocked: u64,
    pub warned: u64,
    pub audited: u64,
    /// Events that nobody took in time: the engine's queue was full, or the reader's behind it.
    pub events_dropped: u64,
    pub flows_closed_by_policy: u64,
}
