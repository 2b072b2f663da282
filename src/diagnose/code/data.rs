//! Data, batches and the loop, in the words of a framework.

use super::{Script, float32, of_rows};
use crate::experiment::config::*;
use crate::experiment::framework::Framework::{Flax, Flux, Keras, Pytorch};

impl Script<'_> {
    /// Columns of inputs of a CSV.
    pub(super) fn columns(&self) -> Option<String> {
        let Target::Csv { inputs, columns, .. } = &self.config.data.target else { return None };
        let targets = columns.names().iter().map(String::as_str);
        if inputs.iter().any(|name| name == "*") {
            let left_out = inputs.iter().filter_map(|name| name.strip_prefix('-')).chain(targets);
            let names = self.list(&left_out.collect::<Vec<_>>());
            return Some(self.word([
                format!("x = torch.tensor(df.drop(columns=[{names}]).to_numpy(\"float32\"))"),
                format!("x = df.drop(columns=[{names}]).to_numpy(\"float32\")"),
                format!("x = Matrix{{Float32}}(df[:, Not([{names}])])'"),
                format!("x = df.drop(columns=[{names}]).to_numpy(\"float32\")"),
            ]));
        }
        let names = self.list(&inputs.iter().map(String::as_str).collect::<Vec<_>>());
        Some(self.word([
            format!("x = torch.tensor(df[[{names}]].to_numpy(\"float32\"))"),
            format!("x = df[[{names}]].to_numpy(\"float32\")"),
            format!("x = Matrix{{Float32}}(df[:, [{names}]])'"),
            format!("x = df[[{names}]].to_numpy(\"float32\")"),
        ]))
    }

    /// Where a function is sampled.
    pub(super) fn points(&self) -> Option<String> {
        Some(match self.config.data.inputs.as_ref()? {
            Inputs::Grid(Span { from, to, count }) => self.word([
                format!("x = torch.linspace({from:?}, {to:?}, {count}).unsqueeze(1)"),
                format!("x = np.linspace({from:?}, {to:?}, {count}).reshape(-1, 1)"),
                format!("x = reshape(collect(range({}, {}, {count})), 1, :)", float32(*from), float32(*to)),
                format!("x = jnp.linspace({from:?}, {to:?}, {count}).reshape(-1, 1)"),
            ]),
            Inputs::Uniform(span) => self.uniform(*span, span.count, ""),
        })
    }

    /// So many new points.
    pub(super) fn uniform(&self, Span { from, to, .. }: Span, count: usize, about: &str) -> String {
        self.word([
            format!("x = torch.empty({count}, 1).uniform_({from:?}, {to:?}){about}"),
            format!("x = np.random.uniform({from:?}, {to:?}, ({count}, 1)){about}"),
            format!("x = {} .+ {} .* rand(Float32, 1, {count}){about}", float32(from), float32(to - from)),
            format!("x = np.random.uniform({from:?}, {to:?}, ({count}, 1)){about}"),
        ])
    }

    /// Inputs or targets on another scale. Columns that are constant become 0, not NaN.
    pub(super) fn scaled(&self, what: &str, scale: Scale) -> Option<String> {
        let about = match what {
            "x" => "by the training rows, for test rows too",
            _ => "by the training rows; undo it in predictions",
        };
        let [python, torch, julia] = match scale {
            Scale::Divide(1.0) => return None,
            Scale::Divide(by) => {
                let about = if what == "x" { "of test rows too" } else { "and predictions times that" };
                return Some(self.tables(
                    &format!("{what} = {what} / {by:?}  # {about}"),
                    &format!("{what} = {what} ./ {}  # {about}", float32(by)),
                ));
            }
            Scale::Fitted(FittedScale::Standardize) => [
                format!("({what} - {what}.mean(0)) / {what}.std(0).clip(1e-8)"),
                format!("({what} - {what}.mean(0)) / {what}.std(0, correction=0).clip(1e-8)"),
                format!("({what} .- mean({what}; dims=2)) ./ max.(std({what}; dims=2, corrected=false), 1f-8)"),
            ],
            Scale::Fitted(FittedScale::Unit) => [
                format!("({what} - {what}.min(0)) / ({what}.max(0) - {what}.min(0)).clip(1e-8)"),
                format!("({what} - {what}.amin(0)) / ({what}.amax(0) - {what}.amin(0)).clip(1e-8)"),
                format!(
                    "({what} .- minimum({what}; dims=2)) ./ max.(maximum({what}; dims=2) .- minimum({what}; dims=2), 1f-8)"
                ),
            ],
        };
        Some(format!("{what} = {}  # {about}", self.word([torch, python.clone(), julia, python])))
    }

    pub(super) fn holdout(&self) -> Option<String> {
        let share = match self.config.data.holdout {
            Holdout::Share(0.0) => return None,
            Holdout::Share(share) => share,
            Holdout::Auto => Holdout::USUAL,
        };
        let [python, julia] = match self.config.data.holdout_rows? {
            HoldoutRows::Random => ["shuffle=True", "shuffle=true"],
            HoldoutRows::Last => ["shuffle=False", "shuffle=false"],
            HoldoutRows::Stratified => ["stratify=y", "stratified=y, shuffle=true"],
        };
        Some(self.tables(
            &format!("x, x_test, y, y_test = train_test_split(x, y, test_size={share:?}, {python})"),
            &format!("(x, y), (x_test, y_test) = MLUtils.splitobs((x, y); at={:?}, {julia})", 1.0 - share),
        ))
    }

    /// Targets as the loss takes them, from the column that has the class.
    pub(super) fn labels(&self) -> Option<String> {
        let labels = self.config.data.labels?;
        let flux = self.framework == Flux;
        let column = match &self.config.data.target {
            Target::Csv { columns: TargetColumns::Class(name), .. } => {
                let name = self.quoted(name);
                if flux { format!("df[!, {name}]") } else { format!("df[{name}]") }
            }
            Target::Tensors { .. } => "y".to_owned(),
            _ => return None,
        };
        let one_unit = self.outputs == 1;
        if flux {
            let places = format!("Float32.(indexin({column}, sort(unique({column})))' .- 1)");
            let one_hot = format!("Flux.onehotbatch({column}, sort(unique({column})))");
            let value = match labels {
                Labels::Index if !of_rows(self.config) => places,
                Labels::Index | Labels::OneHot => one_hot,
                Labels::PlusMinus => format!("2 .* {} .- 1", if one_unit { places } else { one_hot }),
                Labels::Number => format!("Float32.({column}')"),
            };
            return Some(format!("y = {value}"));
        }
        let places = format!("np.unique({column}, return_inverse=True)[1]");
        let one_column = format!("{places}.reshape(-1, 1).astype(\"float32\")");
        let one_hot = format!("pd.get_dummies({column}).to_numpy(\"float32\")");
        let value = match labels {
            Labels::Index if of_rows(self.config) => places,
            Labels::Index => one_column,
            Labels::OneHot => one_hot,
            Labels::PlusMinus => format!("2 * {} - 1", if one_unit { one_column } else { one_hot }),
            Labels::Number => format!("np.asarray({column}, \"float32\").reshape(-1, 1)"),
        };
        Some(format!("y = {}", if self.framework == Pytorch { format!("torch.tensor({value})") } else { value }))
    }

    /// Rows of a batch, in the words of the language.
    fn batch_size(&self) -> String {
        match self.config.batch.size {
            BatchSize::Rows(rows) => rows.to_string(),
            BatchSize::All(_) => self.tables("len(x)", "size(x, 2)"),
        }
    }

    pub(super) fn batches(&self) -> Option<String> {
        let Batch { size, draw, last } = self.config.batch;
        let rows = self.batch_size();
        match (draw, &self.config.data.inputs) {
            (Draw::Fresh, Some(Inputs::Uniform(span))) => {
                let count = if let BatchSize::Rows(rows) = size { rows } else { span.count };
                let about = self.word([
                    "  # in every step, and y of it",
                    "  # in every step, and y of it, for model.train_on_batch(x, y)",
                    "  # in every step, and y of it",
                    "  # in every step, and y of it",
                ]);
                return Some(self.uniform(*span, count, &about));
            }
            (Draw::Fresh, _) => {
                return Some(self.word([
                    format!("rows = torch.randint(len(x), ({rows},))  # in every step, for x[rows] and y[rows]"),
                    format!("rows = np.random.randint(len(x), size={rows})  # in every step, for model.train_on_batch(x[rows], y[rows])"),
                    format!("rows = rand(axes(x, 2), {rows})  # in every step, for x[:, rows] and y[:, rows]"),
                    format!("rows = np.random.randint(len(x), size={rows})  # in every step, for x[rows] and y[rows]"),
                ]));
            }
            // The same rows at every step.
            (Draw::Once, _) if matches!(size, BatchSize::Rows(_)) => return None,
            _ if self.framework == Keras => return self.fit(),
            _ => {}
        }
        let shuffled = draw == Draw::Epoch;
        let [python, julia] = if shuffled { ["True", "true"] } else { ["False", "false"] };
        let [dropped, partial] =
            if last == LastBatch::Drop { [", drop_last=True", ", partial=false"] } else { [""; 2] };
        let order = if shuffled { "np.random.permutation(len(x))" } else { "np.arange(len(x))" };
        let split = match size {
            BatchSize::All(_) => format!("[{order}]"),
            BatchSize::Rows(_) => format!("np.split({order}, range({rows}, len(x), {rows}))"),
        };
        Some(self.word([
            format!("loader = DataLoader(TensorDataset(x, y), batch_size={rows}, shuffle={python}{dropped})"),
            String::new(),
            format!("loader = Flux.DataLoader((x, y); batchsize={rows}, shuffle={julia}{partial})"),
            format!("batches = {split}  # in every epoch; a step for each rows of them, with x[rows] and y[rows]"),
        ]))
    }

    /// Rows that are learnt from, of a function.
    pub(super) fn rows(&self) -> Option<usize> {
        self.config.data.inputs.as_ref().map(|(Inputs::Grid(span) | Inputs::Uniform(span))| span.count)
    }

    /// Keras' training.
    pub(super) fn fit(&self) -> Option<String> {
        let Config { batch, train, .. } = self.config;
        let rows = self.batch_size();
        let epochs = match (train.length, batch.size, self.rows()) {
            (Length::Epochs(epochs), _, _) | (Length::Steps(epochs), BatchSize::All(_), _) => epochs.to_string(),
            (Length::Steps(steps), BatchSize::Rows(size), Some(rows)) => {
                steps.saturating_mul(size).div_ceil(rows).to_string()
            }
            (Length::Steps(steps), _, None) => format!("-(-{steps} * {rows} // len(x))"),
        };
        let mut more = String::new();
        if batch.draw != Draw::Epoch {
            more += ", shuffle=False";
        } else if self.says("batch.draw") {
            more += ", shuffle=True";
        }
        if let Some(stop) = train.stop {
            let Stop { patience, min_delta, .. } = stop;
            let [data, monitor] = match stop.on {
                StopOn::Validation => {
                    more += &format!(", validation_split={:?}", stop.validation.unwrap_or(0.2));
                    ["", "val_loss"]
                }
                StopOn::Train => ["", "loss"],
                StopOn::Test => [", validation_data=(x_test, y_test)", "val_loss"],
            };
            let restore = if stop.restore { ", restore_best_weights=True" } else { "" };
            let delta = if min_delta > 0.0 { format!(", min_delta={min_delta:?}") } else { String::new() };
            more += &format!(
                "{data}, callbacks=[keras.callbacks.EarlyStopping(monitor=\"{monitor}\", patience={patience}{delta}{restore})]"
            );
        }
        Some(format!("model.fit(x, y, batch_size={rows}, epochs={epochs}{more})"))
    }

    pub(super) fn stop(&self) -> Option<String> {
        let Stop { patience, min_delta, on, restore, .. } = self.config.train.stop?;
        let whose = match on {
            StopOn::Validation => "validation",
            StopOn::Train => "training",
            StopOn::Test => "test",
        };
        let best = if restore { ", with the best epoch's parameters" } else { "" };
        let about = format!("after each epoch; then end the training{best}");
        Some(match self.framework {
            Keras => return self.fit(),
            Pytorch => format!(
                "stop = epoch - best_epoch >= {patience}  # {about}; best_epoch is the last one whose {whose} loss was more than {min_delta:?} below the lowest"
            ),
            Flux => format!(
                "stop = Flux.early_stopping(loss -> loss, {patience}; min_dist={min_delta:?})  # stop({whose}_loss) {about}"
            ),
            Flax => format!(
                "early_stop = EarlyStopping(min_delta={min_delta:?}, patience={patience})  # early_stop.update({whose}_loss) {about} where should_stop"
            ),
        })
    }

    pub(super) fn mode(&self, mode: Mode) -> String {
        let train = mode == Mode::Train;
        let [python, julia, torch] = if train { ["True", "trainmode", "train"] } else { ["False", "testmode", "eval"] };
        let batch = self.config.model.norm.contains(&Norm::Batch) && train;
        let dropout = if self.config.model.dropout.is_empty() || !train { "" } else { ", rngs={\"dropout\": key}" };
        self.word([
            format!("model.{torch}()  # before the training steps"),
            format!("outputs = model(x, training={python})  # in training steps of your own; model.fit does it by itself"),
            format!("Flux.{julia}!(model)  # before the training steps"),
            match batch {
                true => format!("outputs, changed = model.apply(params, x, train={python}{dropout}, mutable=[\"batch_stats\"])  # in training steps"),
                false => format!("outputs = model.apply(params, x, train={python}{dropout})  # in training steps"),
            },
        ])
    }
}
