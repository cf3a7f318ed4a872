//! [`SqlState`]: the five-character codes that Postgres clients react to.
//!
//! Source: PostgreSQL 15, appendix A "PostgreSQL Error Codes".

macro_rules! states {
    ($($name:ident = $code:literal,)*) => {
        /// A Postgres error code.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[expect(missing_docs, reason = "the names are those of PostgreSQL's appendix A")]
        pub enum SqlState { $($name,)* }

        impl SqlState {
            /// The five characters.
            #[must_use]
            pub const fn code(self) -> &'static str {
                match self { $(Self::$name => $code,)* }
            }

            /// The state with these five characters.
            #[must_use]
            pub fn from_code(code: &str) -> Option<Self> {
                match code { $($code => Some(Self::$name),)* _ => None }
            }
        }
    };
}

states! {
    SuccessfulCompletion = "00000",
    Warning = "01000",
    NoData = "02000",
    ConnectionException = "08000",
    ProtocolViolation = "08P01",
    FeatureNotSupported = "0A000",
    CardinalityViolation = "21000",
    DataException = "22000",
    StringDataRightTruncation = "22001",
    NumericValueOutOfRange = "22003",
    NullValueNotAllowed = "22004",
    DatetimeFieldOverflow = "22008",
    DivisionByZero = "22012",
    IntervalFieldOverflow = "22015",
    InvalidEscapeSequence = "22025",
    InvalidRegularExpression = "2201B",
    InvalidArgumentForLogarithm = "2201E",
    InvalidArgumentForPowerFunction = "2201F",
    InvalidLimitValue = "2201W",
    CharacterNotInRepertoire = "22021",
    SubstringError = "22011",
    InvalidParameterValue = "22023",
    InvalidTextRepresentation = "22P02",
    InvalidBinaryRepresentation = "22P03",
    BadCopyFileFormat = "22P04",
    InvalidDatetimeFormat = "22007",
    InvalidTimeZoneDisplacementValue = "22009",
    UntranslatableCharacter = "22P05",
    ArraySubscriptError = "2202E",
    InvalidJsonText = "22032",
    NotNullViolation = "23502",
    UniqueViolation = "23505",
    CheckViolation = "23514",
    InvalidCursorState = "24000",
    InvalidTransactionState = "25000",
    ActiveSqlTransaction = "25001",
    ReadOnlySqlTransaction = "25006",
    NoActiveSqlTransaction = "25P01",
    InFailedSqlTransaction = "25P02",
    IdleInTransactionSessionTimeout = "25P03",
    InvalidSqlStatementName = "26000",
    InvalidAuthorizationSpecification = "28000",
    InvalidPassword = "28P01",
    DependentObjectsStillExist = "2BP01",
    InvalidCursorName = "34000",
    InvalidCatalogName = "3D000",
    InvalidSchemaName = "3F000",
    SerializationFailure = "40001",
    SyntaxErrorOrAccessRuleViolation = "42000",
    InsufficientPrivilege = "42501",
    SyntaxError = "42601",
    InvalidName = "42602",
    DuplicateColumn = "42701",
    AmbiguousColumn = "42702",
    UndefinedColumn = "42703",
    UndefinedObject = "42704",
    DuplicateObject = "42710",
    DuplicateAlias = "42712",
    AmbiguousFunction = "42725",
    GroupingError = "42803",
    DatatypeMismatch = "42804",
    WrongObjectType = "42809",
    InvalidForeignKey = "42830",
    CannotCoerce = "42846",
    UndefinedFunction = "42883",
    GeneratedAlways = "428C9",
    ReservedName = "42939",
    UndefinedTable = "42P01",
    UndefinedParameter = "42P02",
    DuplicateCursor = "42P03",
    DuplicateDatabase = "42P04",
    DuplicatePreparedStatement = "42P05",
    DuplicateSchema = "42P06",
    DuplicateTable = "42P07",
    AmbiguousParameter = "42P08",
    InvalidColumnReference = "42P10",
    InvalidColumnDefinition = "42611",
    InvalidTableDefinition = "42P16",
    InvalidObjectDefinition = "42P17",
    IndeterminateDatatype = "42P18",
    DiskFull = "53100",
    OutOfMemory = "53200",
    TooManyConnections = "53300",
    ConfigurationLimitExceeded = "53400",
    ProgramLimitExceeded = "54000",
    StatementTooComplex = "54001",
    TooManyColumns = "54011",
    ObjectNotInPrerequisiteState = "55000",
    ObjectInUse = "55006",
    LockNotAvailable = "55P03",
    QueryCanceled = "57014",
    AdminShutdown = "57P01",
    CannotConnectNow = "57P03",
    IdleSessionTimeout = "57P05",
    IoError = "58030",
    UndefinedFile = "58P01",
    SnapshotTooOld = "72000",
    InternalError = "XX000",
    DataCorrupted = "XX001",
}
