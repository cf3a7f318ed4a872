//! What the reference says of the connector `generator`.

use crate::{ConnectorInfo, OptionInfo};

/// The connector and its options.
pub(crate) const INFO: ConnectorInfo = ConnectorInfo {
    name: "generator",
    doc: "Makes rows. Kind clicks has user_id and item_id (bigint) and ts (timestamp). Kind nexmark \
          is the auction benchmark Nexmark: for each person 3 auctions and 46 bids, of which type \
          chooses one; sources with the same seed and start and with rates of 1 : 3 : 46 fit \
          together. Columns are named as in Nexmark, in snake case. Time columns may be timestamp \
          or timestamptz; the source may leave out columns, but not add any.",
    formats: &[],
    options: &[
        OptionInfo {
            name: "kind",
            doc: "What to make.",
            default: None,
            unit: Some("'clicks' or 'nexmark'"),
        },
        OptionInfo {
            name: "type",
            doc: "Which of the three rows of nexmark to make.",
            default: None,
            unit: Some("'person', 'auction' or 'bid'"),
        },
        OptionInfo {
            name: "rate",
            doc: "How fast rows are made; 0 is as fast as possible. The times of the rows lie as \
                  far apart as the rate says, for 0 as if 10000 clicks or Nexmark events were made \
                  in a second.",
            default: Some("1000"),
            unit: Some("rows per second"),
        },
        OptionInfo {
            name: "rows",
            doc: "After how many rows to end; 0 is never.",
            default: Some("0"),
            unit: Some("rows"),
        },
        OptionInfo {
            name: "seed",
            doc: "Other seeds give other rows.",
            default: Some("0"),
            unit: Some("number"),
        },
        OptionInfo {
            name: "start",
            doc: "The time of the first row; by default the time at which the source was started.",
            default: None,
            unit: Some("timestamp"),
        },
        OptionInfo {
            name: "late.share",
            doc: "The share of rows that are late.",
            default: Some("0"),
            unit: Some("0 to 1"),
        },
        OptionInfo {
            name: "late.delay",
            doc: "How much older than its neighbours a late row is.",
            default: Some("1 minute"),
            unit: Some("interval"),
        },
    ],
};
