//! CREATE: tables, views, databases, functions.

use millstream_core::{Code, Error, Result};

use super::cursor::Parser;
use super::lexer::{Kind, Token};
use crate::ast::{
    CreateDatabase, CreateFunction, CreateTable, CreateView, LikeFeature, LikeMerge, LikeOption,
    LikeTable, Name, OptionPair, Statement,
};

impl Parser<'_> {
    /// A CREATE statement.
    pub(crate) fn create(&mut self) -> Result<Statement> {
        let start = self.expect("CREATE")?;
        let temporary = self.eat("TEMPORARY");
        if self.eat("TABLE") {
            return Ok(Statement::CreateTable(Box::new(
                self.create_table(temporary)?,
            )));
        }
        if self.eat("VIEW") {
            return Ok(Statement::CreateView(Box::new(
                self.create_view(temporary)?,
            )));
        }
        if self.eat("FUNCTION") {
            return self.create_function(start, temporary, false);
        }
        if temporary && self.eat_all(&["SYSTEM", "FUNCTION"]) {
            return self.create_function(start, true, true);
        }
        if !temporary && self.eat("DATABASE") {
            return self.create_database();
        }
        for thing in ["CATALOG", "MODEL", "CONNECTION", "MATERIALIZED"] {
            if self.sees(thing) {
                let span = start.span.to(self.peek().span);
                return Err(self.unsupported(span, &format!("CREATE {thing}")));
            }
        }
        Err(self.wanted("TABLE, VIEW, DATABASE or FUNCTION"))
    }

    /// `IF NOT EXISTS`.
    fn if_not_exists(&mut self) -> bool {
        self.eat_all(&["IF", "NOT", "EXISTS"])
    }

    fn create_table(&mut self, temporary: bool) -> Result<CreateTable> {
        let if_not_exists = self.if_not_exists();
        let name = self.qualified_name("a table")?;
        let body = self.table_body()?;
        let comment = self.comment()?;
        if self.sees("DISTRIBUTED") {
            return Err(self.unsupported(self.peek().span, "DISTRIBUTED BY"));
        }
        let mut partitioned_by = Vec::new();
        if self.eat("PARTITIONED") {
            self.expect("BY")?;
            partitioned_by = self.in_parens(|p| p.name("a column"))?;
            self.check_names_once("the partition column", partitioned_by.iter())?;
        }
        let options = self.with_options()?;
        let like = self.like_table()?;
        let query = match self.eat("AS") {
            true => Some(self.whole_query()?),
            false => None,
        };
        if let (Some(_), Some(like)) = (&query, &like) {
            let span = like.table.span();
            return Err(self.error(span, "a table is made either LIKE another or AS a query"));
        }
        self.check_listed(&body.columns, query.is_some())?;
        Ok(CreateTable {
            temporary,
            if_not_exists,
            name,
            columns: body.columns,
            watermark: body.watermark,
            primary_key: body.primary_key,
            comment,
            partitioned_by,
            options,
            like,
            query,
        })
    }

    fn create_view(&mut self, temporary: bool) -> Result<CreateView> {
        let if_not_exists = self.if_not_exists();
        let name = self.qualified_name("a view")?;
        let mut columns = Vec::new();
        if self.sees_symbol("(") {
            columns = self.in_parens(|p| {
                p.node()?;
                let name = p.name("a column")?;
                p.comment()?;
                Ok(name)
            })?;
            self.check_names_once("the column", columns.iter())?;
        }
        let comment = self.comment()?;
        self.expect("AS")?;
        Ok(CreateView {
            temporary,
            if_not_exists,
            name,
            columns,
            comment,
            query: self.whole_query()?,
        })
    }

    fn create_database(&mut self) -> Result<Statement> {
        let if_not_exists = self.if_not_exists();
        let name = self.qualified_name("a database")?;
        if name.parts.len() > 2 {
            return Err(self.error(
                name.span(),
                "a database has at most two parts: catalog.database",
            ));
        }
        Ok(Statement::CreateDatabase(CreateDatabase {
            if_not_exists,
            name,
            comment: self.comment()?,
            options: self.with_options()?,
        }))
    }

    fn create_function(
        &mut self,
        start: Token<'_>,
        temporary: bool,
        system: bool,
    ) -> Result<Statement> {
        let if_not_exists = self.if_not_exists();
        let name = self.qualified_name("a function")?;
        self.expect("AS")?;
        let class = self.text("the function's class in quotes")?.value;
        let language = match self.eat("LANGUAGE") {
            true => Some(self.language()?),
            false => None,
        };
        let mut resources = Vec::new();
        if self.eat("USING") {
            resources = self.separated(|p| {
                if !p.eat("JAR") && !p.eat("FILE") {
                    p.expect("ARCHIVE")?;
                }
                Ok(p.text("a path in quotes")?.value)
            })?;
        }
        Ok(Statement::CreateFunction(CreateFunction {
            temporary,
            system,
            if_not_exists,
            name,
            class,
            language,
            resources,
            span: self.span_since(start),
        }))
    }

    fn language(&mut self) -> Result<String> {
        for language in ["JAVA", "SCALA", "PYTHON", "SQL"] {
            if self.eat(language) {
                return Ok(language.to_string());
            }
        }
        Err(self.wanted("JAVA, SCALA, PYTHON or SQL"))
    }

    /// `COMMENT 'text'`.
    pub(crate) fn comment(&mut self) -> Result<Option<String>> {
        match self.eat("COMMENT") {
            true => Ok(Some(self.text("a comment in quotes")?.value)),
            false => Ok(None),
        }
    }

    /// `WITH ('key' = 'value', ..)`; empty without.
    pub(crate) fn with_options(&mut self) -> Result<Vec<OptionPair>> {
        match self.eat("WITH") {
            true => self.option_list(),
            false => Ok(Vec::new()),
        }
    }

    /// `('key' = 'value', ..)`, each key once; the parentheses may be empty.
    pub(crate) fn option_list(&mut self) -> Result<Vec<OptionPair>> {
        self.expect_symbol("(")?;
        if self.eat_symbol(")") {
            return Ok(Vec::new());
        }
        let options = self.separated(|p| {
            p.node()?;
            let key = p.option_text("an option's key in quotes, such as 'connector'")?;
            p.expect_symbol("=")?;
            let value = p.option_text("the option's value in quotes")?;
            Ok(OptionPair { key, value })
        })?;
        self.expect_symbol(")")?;
        self.check_names_once("the option", options.iter().map(|option| &option.key))?;
        Ok(options)
    }

    fn option_text(&mut self, what: &str) -> Result<Name> {
        let token = self.peek();
        if matches!(token.kind, Kind::Word | Kind::Number | Kind::Quoted) {
            return Err(self
                .wanted(what)
                .hint("options are texts in single quotes: 'connector' = 'print'"));
        }
        self.text(what)
    }

    fn like_table(&mut self) -> Result<Option<LikeTable>> {
        if !self.eat("LIKE") {
            return Ok(None);
        }
        let table = self.qualified_name("a table")?;
        let mut options: Vec<LikeOption> = Vec::new();
        if self.eat_symbol("(") {
            while !self.eat_symbol(")") {
                let option = self.like_option()?;
                if options.iter().any(|other| other.feature == option.feature) {
                    return Err(self.error(option.span, "this feature of LIKE is given twice"));
                }
                options.push(option);
            }
        }
        Ok(Some(LikeTable { table, options }))
    }

    /// `INCLUDING OPTIONS` and the like.
    fn like_option(&mut self) -> Result<LikeOption> {
        let start = self.peek();
        let merge = if self.eat("INCLUDING") {
            LikeMerge::Including
        } else if self.eat("EXCLUDING") {
            LikeMerge::Excluding
        } else if self.eat("OVERWRITING") {
            LikeMerge::Overwriting
        } else {
            return Err(self.wanted("INCLUDING, EXCLUDING, OVERWRITING or ')'"));
        };
        let features: [(&'static str, LikeFeature); 8] = [
            ("ALL", LikeFeature::All),
            ("CONSTRAINTS", LikeFeature::Constraints),
            ("DISTRIBUTION", LikeFeature::Distribution),
            ("PARTITIONS", LikeFeature::Partitions),
            ("OPTIONS", LikeFeature::Options),
            ("GENERATED", LikeFeature::Generated),
            ("METADATA", LikeFeature::Metadata),
            ("WATERMARKS", LikeFeature::Watermarks),
        ];
        let feature = features
            .into_iter()
            .find_map(|(word, feature)| self.eat(word).then_some(feature));
        let Some(feature) = feature else {
            return Err(self.wanted("ALL, CONSTRAINTS, PARTITIONS, OPTIONS or another feature"));
        };
        let span = self.span_since(start);
        self.check_like(merge, feature)
            .map_err(|message| self.error(span, message))?;
        Ok(LikeOption {
            merge,
            feature,
            span,
        })
    }

    /// Flink overwrites only what two tables can both have and one of them must win.
    fn check_like(&self, merge: LikeMerge, feature: LikeFeature) -> Result<(), &'static str> {
        let can_overwrite = matches!(
            feature,
            LikeFeature::Options
                | LikeFeature::Generated
                | LikeFeature::Metadata
                | LikeFeature::Watermarks
        );
        match merge {
            LikeMerge::Overwriting if !can_overwrite => {
                Err("OVERWRITING goes with OPTIONS, GENERATED, METADATA and WATERMARKS only")
            }
            _ => Ok(()),
        }
    }

    /// Refuses two equal names.
    pub(crate) fn check_names_once<'n>(
        &self,
        what: &str,
        names: impl Iterator<Item = &'n Name>,
    ) -> Result<()> {
        let mut seen = std::collections::HashSet::new();
        for name in names {
            if !seen.insert(name.value.as_str()) {
                return Err(self.twice(what, name));
            }
        }
        Ok(())
    }

    fn twice(&self, what: &str, name: &Name) -> Error {
        self.error_of(
            Code::InvalidSchema,
            name.span,
            format!("{what} '{name}' is given twice"),
        )
    }
}
