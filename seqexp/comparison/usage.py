"""What ``python -m seqexp.compare --help`` prints."""

USAGE = """\
python -m seqexp.compare: who wins, by how much, with what certainty, and why; it reads the runs below runs/

Arguments (key=value)
  a=rnn b=lstm              the two models; or models=rnn,stacked_rnn,lstm for more (default: all that have runs)
  a=lstm models=rnn,gru     each of several models against one: fewer claims to correct for than all pairs
  task=adding               or several: task=adding,copy (default: the only one that has runs)
  experiment=NAME           the task and task settings of conf/experiment/NAME.yaml
  metric=accuracy           any test metric of the runs (default: the task's primary metric)
  match=params              what is equal for both models: params, hidden (units) or seconds (of training)
  stop=never                equal steps: training ends neither by patience nor because the task is solved
  margin=0.01               a smaller difference counts as equivalent, in the metric's units (default: the task's)
  level=0.95                confidence level of intervals and tests
  run=true                  makes the runs: plans, registers, tunes each model alike, and confirms on fresh seeds until
                            a test that looks after every pair has a verdict, or until ...
  max_seeds=20              ... each model has this many seeds
  hydra/launcher=basic      with run=true: one run after the other (default: joblib, as many at once as there are cores)
  cache=false               with run=true: works out anew what many runs need
  sweep=NAME                only runs of this sweep, by the name of its folder in runs/sweeps
  study=NAME,NAME           only runs of these tuning studies' winners, by the names of their files in runs/tuning;
                            with run=true: these studies' values are confirmed, and nothing is searched
  out=folder                where the report goes (default: runs/compare/<tasks>_<models>)
  capsule=FILE verify=true  makes the runs of a comparison's capsule.zip again and checks each score and claim
  plugins=[my.module]       modules of yours that the models and tasks come from
  task.length=50            any other setting of a run: selects the runs; with run=true, new runs use it

With run=true
  plan=true                 prints the plan and an estimate of the seconds, and stops
  tuned=false               tunes nothing: the verdict holds at these settings alone, and its headline says UNTUNED
  trials=8                  of each model's search, the same for all; the better half trains twice as long, twice
  optimizer.learning_rate=tag(log,interval(1e-4,1e-1))   searches this (also choice(...), range(...)), and no other key;
                            one value of a key that is searched is the first trial
  budget=5000               of parameters for every model (default: what a plain rnn has on the task)
  budgets=small,medium,large   repeats it at a quarter of the budget, at the budget, at four times the budget
  first_seed=20000          the first of the seeds that confirm (default: drawn from the registration): a replication
  splits=true               each seed divides the data anew
  claims=66                 claims made together with other reports', such as a catalogue's: a verdict takes more seeds
  robustness=true           asks for the verdict again at default settings, half and twice the budget, other divisions

Examples
  python -m seqexp.compare a=rnn b=lstm task=adding
  python -m seqexp.compare models=rnn,stacked_rnn,lstm task=sentiment task.gap=10 level=0.99
  python -m seqexp.compare task=adding,copy a=rnn b=lstm
  python -m seqexp.compare run=true a=rnn b=lstm task=digits plan=true
  python -m seqexp.compare run=true a=lstm models=rnn,gru task=adding task.length=50 max_seeds=30

Writes report.html (one file), report.md, report.tex, comparison.csv, runs.csv, figures (SVG, PDF) and capsule.zip;
run=true also claim.json, before the first run, and outcome.json.
Exit codes: 0 done; 2 an argument is wrong; 1 a run failed (run=true); 130 Ctrl-C: the same command goes on.
"""
